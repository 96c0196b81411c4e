"""Where a program comes from; what a process of its own is told, through a pipe."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from teleprompt.program.entry_point import build_program


@dataclass(frozen=True)
class ProgramFile:
    """A program by its file, built anew wherever it is needed."""

    file: Path
    entry_point: str

    def build(self) -> Any:
        """The `dspy.Module`; imports the user's code, so only for a process of its own."""
        return build_program(self.file, self.entry_point)


@dataclass(frozen=True)
class ProgramObject:
    """A program that somebody holds in a notebook or script."""

    program: Any

    def build(self) -> Any:
        """The `dspy.Module`."""
        return self.program
