"""A folder that is filled beside its place, and takes it in one step when it is whole."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from teleprompt.errors import ConfigurationError


@dataclass(frozen=True)
class StagedFolder:
    """What will be `target`; until then it lies at `path`, on the same file system."""

    path: Path
    target: Path

    def swap_in(self) -> None:
        """Make it the target, which is not there or empty: all of it at once, or nothing."""
        self.path.rename(self.target)


@contextmanager
def staged(target: Path) -> Iterator[StagedFolder]:
    """An empty folder beside `target`. What was not swapped in is gone at the end; after a kill, at the next try.

    Raises:
        ConfigurationError: the target cannot be swapped in, or somebody else is at it.
    """
    target = target.resolve()
    if os.path.ismount(target):
        raise ConfigurationError(
            f"{target} is where a disk is mounted, so a folder cannot be swapped in there; name a folder below it."
        )
    path = target.with_name(f".{target.name}.restoring")
    path.mkdir(parents=True, exist_ok=True)
    held = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)  # given back by the kernel, whatever ends the process
        except BlockingIOError as error:
            raise ConfigurationError(f"Another restore into {target} is under way; wait for it.") from error
        for left in path.iterdir():
            shutil.rmtree(left) if left.is_dir() and not left.is_symlink() else left.unlink()
        try:
            yield StagedFolder(path, target)
        finally:
            shutil.rmtree(path, ignore_errors=True)  # not there any more where it was swapped in
    finally:
        os.close(held)
