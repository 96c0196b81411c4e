"""What may stand in a backup, and where. Pure: of names and digests, never of the disk."""

from collections.abc import Mapping

from teleprompt.maintenance._inventory import digest_in_name, kind_of
from teleprompt.maintenance._mlflow_export import DOCUMENT, MlflowCopy
from teleprompt.maintenance.plan import Kind
from teleprompt.program.code import is_carried
from teleprompt.records import Digest

STORAGE = "storage"
PROGRAMS = "programs"
PROGRAM_SUFFIXES = (".py", ".yaml", ".yml")
"""Of the files that are programs; others beside them may be anything, keys too."""

_NEVER_BACKED_UP = frozenset({Kind.OTHER, Kind.LEFTOVERS})


def misplaced(files: Mapping[str, Digest], copy: MlflowCopy) -> str | None:
    """The first file that no backup of this package holds, or whose name states another digest, or None."""
    runs = {run.run_id for run in copy.runs}
    versions = {f"{place}/{version.number}" for place, model in enumerate(copy.models) for version in model.versions}
    for name, digest in files.items():
        folder, _, below = name.partition("/")
        if folder == PROGRAMS:
            is_ours = is_carried(below.split("/")) and (below.endswith(PROGRAM_SUFFIXES) or "/" in below)
        elif folder == STORAGE:
            is_ours = kind_of(below) not in _NEVER_BACKED_UP and digest_in_name(below) in {None, digest}
        elif folder == "runs":
            is_ours = below.partition("/")[0] in runs
        elif folder == "models":
            is_ours = "/".join(below.split("/")[:2]) in versions
        else:
            is_ours = name == DOCUMENT
        if not is_ours:
            return name
    return None
