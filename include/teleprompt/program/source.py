"""Where a program comes from; what a process of its own is told, through a pipe."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from teleprompt.config.fields import Declaration
from teleprompt.program.code import code_of
from teleprompt.program.entry_point import build_program
from teleprompt.program.fields import ProgramFields
from teleprompt.program.signature import ProgramSignature
from teleprompt.program.synchronous import synchronous
from teleprompt.program.typed_fields import TypedFields

UNDECLARED = Declaration()


@dataclass(frozen=True)
class BuiltProgram:
    """A program, where its code may run."""

    module: Any
    """The `dspy.Module`; it can be called without an event loop."""
    signature: ProgramSignature

    def typed(self, fields: ProgramFields) -> TypedFields:
        """These fields of the program with their types."""
        return self.signature.typed(fields)


@dataclass(frozen=True)
class ProgramFile:
    """A program by its file, built anew wherever it is needed."""

    file: Path
    entry_point: str
    declaration: Declaration = UNDECLARED

    @property
    def asks_models_by_itself(self) -> bool:
        """Whether its code has another client of models than DSPy."""
        return code_of(self.file, self.entry_point).asks_models_by_itself

    def build(self) -> BuiltProgram:
        """The program; imports the user's code, so only for a process of its own."""
        return _built(build_program(self.file, self.entry_point), self.declaration)


@dataclass(frozen=True)
class ProgramObject:
    """A program that somebody holds in a notebook or script."""

    program: Any
    declaration: Declaration = UNDECLARED
    asks_models_by_itself = False
    """Not known of it; a client that is not DSPy's is refused where it connects."""

    def build(self) -> BuiltProgram:
        """The program."""
        return _built(self.program, self.declaration)


def _built(program: Any, declaration: Declaration) -> BuiltProgram:
    signature = ProgramSignature(
        program, inputs=declaration.inputs, outputs=declaration.outputs, tolerance=declaration.tolerance
    )
    return BuiltProgram(synchronous(program), signature)
