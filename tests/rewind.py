"""A store that many tests begin from, made once: each of them finds it as it was made, in the same place.

In place, for MLflow and our records hold absolute paths; and its database is written over page by page instead of being
replaced, for MLflow keeps connections to it.
"""

import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

DATABASE = "mlflow.db"


@dataclass(frozen=True)
class Rewindable:
    """A folder, and how it was."""

    folder: Path
    kept: Path

    @classmethod
    def of(cls, folder: Path) -> "Rewindable":
        """Keep `folder` as it is now."""
        kept = folder.with_name(f"{folder.name}-kept")
        shutil.copytree(folder, kept)
        return cls(folder, kept)

    def rewind(self) -> None:
        """Make the folder what it was."""
        for path in sorted(self.folder.rglob("*"), reverse=True):
            if path.is_dir() and not path.is_symlink():
                if not any(path.iterdir()):
                    path.rmdir()
            elif path.name != DATABASE:
                path.unlink()
        for kept in self.kept.rglob(DATABASE):
            now = self.folder / kept.relative_to(self.kept)
            now.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(kept)) as old, closing(sqlite3.connect(now)) as written_over:
                old.backup(written_over)
        shutil.copytree(self.kept, self.folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns(DATABASE))
