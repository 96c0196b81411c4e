"""The files of a version: the program's state, its code, and how the two make a program."""

import atexit
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from threading import Lock
from typing import TYPE_CHECKING

from teleprompt.config.traces import DEFAULT_EXPERIMENT
from teleprompt.encoding.canonical_json import sha256_hex
from teleprompt.errors import ConfigurationError
from teleprompt.program.code import ProgramCode, digest_of_files
from teleprompt.program.entry_point import call_builder
from teleprompt.program.fields import ProgramFields
from teleprompt.program.importing import Tree, import_from
from teleprompt.program.state import load_state
from teleprompt.records import Digest, Record

if TYPE_CHECKING:
    import dspy

_laying_out = Lock()

CODE, STATE, SPEC = "code", "state.json", "spec.json"
CODE_OF_BEFORE = "code.py"
"""The one file of code that a version of the package before 0.2 kept."""


class ServedSpec(Record):
    """How a version's files make a program; read by the model file that MLflow runs, too."""

    callable: str
    """Empty for a program that was defined in a notebook."""
    module: str = "code"
    own_prefixes: tuple[str, ...] = ()
    siblings: tuple[str, ...] = ()
    """As `Tree` has them."""
    output_fields: tuple[str, ...] = ()
    experiment: str = DEFAULT_EXPERIMENT
    """The MLflow experiment that its calls belong in."""


@dataclass(frozen=True)
class VersionFiles:
    """What a version holds."""

    state: bytes
    spec: bytes
    """A `ServedSpec` as JSON."""
    code: Mapping[str, bytes]
    """By place; empty for a program that was defined in a notebook."""

    @classmethod
    def of(
        cls, code: ProgramCode | None, *, fields: ProgramFields, state: bytes, experiment: str = DEFAULT_EXPERIMENT
    ) -> "VersionFiles":
        """Those of a program as it lies on the disk."""
        spec = ServedSpec(
            callable=code.callable if code else "",
            module=code.module if code else "code",
            own_prefixes=code.tree.own_prefixes if code else (),
            siblings=tuple(sorted(code.tree.siblings)) if code else (),
            output_fields=tuple(field.name for field in fields.outputs),
            experiment=experiment,
        )
        files = {name: (code.root / name).read_bytes() for name in code.files} if code else {}
        return cls(state=state, spec=json.dumps(spec.model_dump(mode="json")).encode(), code=files)

    @property
    def code_digest(self) -> Digest | None:
        """One digest of all code; None where there is none."""
        return digest_of_files({name: sha256_hex(data) for name, data in self.code.items()}) if self.code else None

    def digests(self) -> dict[str, Digest]:
        """Of each part, by the tag that holds it."""
        found = {"state_digest": sha256_hex(self.state), "spec_digest": sha256_hex(self.spec)}
        return found if self.code_digest is None else {**found, "code_digest": self.code_digest}

    def write(self, folder: Path) -> dict[str, Path]:
        """Lay them into a folder; the places of the parts by MLflow's name of the artifact."""
        places = {"state": folder / STATE, "spec": folder / SPEC}
        places["state"].write_bytes(self.state)
        places["spec"].write_bytes(self.spec)
        if self.code:
            places["code"] = folder / CODE
            lay_out(self.code, places["code"])
        return places

    @classmethod
    def read(cls, folder: Path) -> "VersionFiles":
        """Those that lie in a folder."""
        code = folder / CODE
        files = {p.relative_to(code).as_posix(): p.read_bytes() for p in code.rglob("*") if p.is_file()}
        if not files and (folder / CODE_OF_BEFORE).is_file():
            files = {CODE_OF_BEFORE: (folder / CODE_OF_BEFORE).read_bytes()}
        return cls(state=(folder / STATE).read_bytes(), spec=(folder / SPEC).read_bytes(), code=files)

    def build(self, *, where: str) -> "dspy.Module":
        """The program with its state; its files lie in a folder of this process until it ends.

        Raises:
            ConfigurationError: its code cannot be imported, or gives no program.
            TelepromptError: the state belongs to a program of another shape.
        """
        spec = ServedSpec.model_validate_json(self.spec)
        assert self.code_digest is not None  # noqa: S101 - nobody builds a program without code
        known_as = sha256_hex(self.spec + self.code_digest.encode())
        root = _kept_folder(known_as)
        with _laying_out:
            if not any(root.iterdir()):
                lay_out(self.code, root)
        tree = Tree(root, frozenset(self.code), spec.own_prefixes, frozenset(spec.siblings))
        try:
            module = import_from(tree, spec.module, name=f"teleprompt_version_{known_as[:16]}")
        except MemoryError:
            raise
        except Exception as error:
            raise ConfigurationError(
                f"{where} cannot be imported ({type(error).__name__}: {error}); move what it needs "
                "into the program's folder, or install it where the version is served."
            ) from error
        return load_state(call_builder(getattr(module, spec.callable), where=f"{where}: {spec.callable}"), self.state)


def lay_out(files: Mapping[str, bytes], folder: Path) -> None:
    """Write files below a folder."""
    for name, data in files.items():
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)


@cache
def _kept_folder(digest: Digest) -> Path:
    """A folder for the code with that digest; it goes when the process that made it ends, not one that it forked."""
    folder, owner = Path(mkdtemp(prefix=f"teleprompt-code-{digest[:12]}-")), os.getpid()

    def remove() -> None:
        if os.getpid() == owner:
            shutil.rmtree(folder, ignore_errors=True)

    atexit.register(remove)
    return folder
