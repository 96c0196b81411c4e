"""Backing up what the package needs to verify, serve and go on: MLflow's part, the evidence, the program files.

No setting is in it, so no key, password or keystore is.
"""

import io
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from teleprompt.config.files import load_program_file, program_files
from teleprompt.config.settings import Settings
from teleprompt.errors import ConfigurationError, TelepromptError
from teleprompt.maintenance._archive import ArchiveWriter, Manifest
from teleprompt.maintenance._inventory import path_below
from teleprompt.maintenance._layout import PROGRAM_SUFFIXES, PROGRAMS, STORAGE
from teleprompt.maintenance._mlflow_export import MlflowCopy, export_mlflow
from teleprompt.maintenance._references import survey
from teleprompt.maintenance.plan import Kind, Reason, References, StoredFile, decide, reachable
from teleprompt.program.code import ProgramCode, code_of, is_carried
from teleprompt.storage.blobs import location
from teleprompt.transparency.log import FOLDER, PublicLog
from teleprompt.transparency.tiles import CHECKPOINT

if TYPE_CHECKING:
    from mlflow import MlflowClient


_ALWAYS = frozenset({Kind.ATTESTATIONS, Kind.LOOKS, Kind.OUTBOX, Kind.SIGNERS, Kind.PUBLIC_LOG})
_STAY = frozenset({Reason.PROTECTED, Reason.NAMED})


def back_up(
    client: "MlflowClient", settings: Settings, target: str, *, also: frozenset[Kind] = frozenset()
) -> Manifest:
    """Write a backup to a folder or URI that holds nothing yet; `also` adds whole kinds to the evidence.

    Raises:
        ConfigurationError: the target holds something.
        TelepromptError: evidence is missing or damaged, or MLflow's records cannot be read.
    """
    archive = ArchiveWriter(target)
    copy = export_mlflow(client, archive)  # before the storage is looked at: what a record names is there by then
    public_log = PublicLog(client, settings.storage_uri)
    checkpoint = public_log.read(CHECKPOINT)  # before its tiles: they hold all that it says by then
    stored, references = survey(client, settings.storage_uri)
    _check_is_whole(stored, references, settings)
    root = location(settings.storage_uri)
    kept = list(_kept(stored, references, settings, also))
    for file in kept:
        if checkpoint is not None and location(file.uri) == location(public_log.uri) / CHECKPOINT:
            archive.copy(f"{STORAGE}/{FOLDER}/{CHECKPOINT}", io.BytesIO(checkpoint))
        else:
            _copy_blob(archive, root, file)
    programs = list(program_files_below(settings.programs_dir))
    for program in programs:
        archive.add(f"{PROGRAMS}/{program.relative_to(settings.programs_dir).as_posix()}", program.read_bytes())
    return archive.finish(
        made_at=datetime.now(UTC),
        versions={package: version(package) for package in ("teleprompt-airflow", "mlflow")},
        counts={**_counts(copy), "stored files": len(kept), "program files": len(programs)},
    )


def program_files_below(folder: Path) -> Iterator[Path]:
    """The files of all programs: all Python and YAML, and of folders what else belongs to one."""
    carried = {code.root / name for code in _codes(folder) for name in code.files}
    for path in sorted(folder.rglob("*")) if folder.is_dir() else ():
        if not path.is_file() or not is_carried(path.relative_to(folder).parts):
            continue
        if path.suffix in PROGRAM_SUFFIXES or (path.parent != folder and path.resolve() in carried):
            yield path


def _codes(folder: Path) -> Iterator[ProgramCode]:
    for file in program_files(folder):
        with suppress(ConfigurationError):  # a program that cannot be used is kept as it lies there
            yield code_of(file, load_program_file(file).entry_point)


def _kept(
    stored: list[StoredFile], references: References, settings: Settings, also: frozenset[Kind]
) -> Iterator[StoredFile]:
    for file, reason in decide(stored, references, settings.retention, now=datetime.now(UTC)):
        if reason in _STAY or file.kind in _ALWAYS | also:
            yield file


def _check_is_whole(stored: list[StoredFile], references: References, settings: Settings) -> None:
    missing = reachable(references.roots, references.refers) - {file.digest for file in stored}
    if missing:
        raise TelepromptError(
            f"{len(missing)} files that are evidence are not in {settings.storage_uri}, among them {min(missing)}; "
            "restore them first, for a backup without them could not be verified."
        )


def _copy_blob(archive: ArchiveWriter, root: Any, file: StoredFile) -> None:
    path = location(file.uri)
    with path.open("rb") as source:
        found = archive.copy(f"{STORAGE}/{path_below(root, path)}", source)
    if file.digest is not None and found != file.digest:
        raise TelepromptError(f"{file.uri} is damaged: its content no longer matches its digest; restore it first.")


def _counts(copy: MlflowCopy) -> dict[str, int]:
    return {
        "experiments": len(copy.experiments),
        "runs": len(copy.runs),
        "attestations": sum("teleprompt.attestation_id" in run.tags for run in copy.runs),
        "models": len(copy.models),
        "versions": sum(len(model.versions) for model in copy.models),
    }
