"""Finding and calling a program's entry point, and checking it without importing DSPy."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from teleprompt.errors import ConfigurationError
from teleprompt.program.code import ProgramCode, code_of


def check_entry_point(program_file: Path, entry_point: str) -> None:
    """Check, from the source alone, that the entry point exists and that its imports can be found.

    Costs a millisecond, so that a DAG file can be parsed without importing the user's code.

    Raises:
        ProgramFileError: no such file, a syntax error, no such name, or a module that is not installed.
    """
    code_of(program_file, entry_point).check(program_file)


def build_program(program_file: Path, entry_point: str) -> Any:
    """Import the program's code and call its entry point; returns the `dspy.Module` as written.

    Raises:
        ProgramFileError: the file cannot be imported or does not give a DSPy module.
    """
    code = code_of(program_file, entry_point)
    code.check(program_file)
    return call_builder(getattr(code.load(), code.callable), where=f"{code.file.name}:{code.callable}")


def call_builder(build: Any, *, where: str) -> Any:
    """What `build()` gives, or a copy of a program `build`: a DSPy module with at least one predictor.

    Raises:
        ConfigurationError: it raises, or gives something else.
    """
    import dspy

    try:
        program = build.deepcopy() if isinstance(build, dspy.Module) else build()  # a program's call asks a model
    except MemoryError:
        raise
    except Exception as error:
        raise ConfigurationError(f"{where} raised {type(error).__name__}: {error}; correct it.") from error
    if not isinstance(program, dspy.Module) or not program.predictors():
        if isinstance(program, dspy.Module):
            raise ConfigurationError(
                f"{where} gives a {type(program).__name__} that holds no predictor, so there is nothing to improve; "
                "make its predictors in `__init__`, not in `forward`, and mark none that is to learn as compiled."
            )
        raise ConfigurationError(f"{where} must return a dspy.Module with a predictor, not {_kind(program)}.")
    return program


def _kind(value: Any) -> str:
    return f"the class {value.__name__}" if isinstance(value, type) else f"a {type(value).__name__}"


def load_function(code: ProgramCode) -> Callable[..., Any]:
    """The function that is the code's callable.

    Raises:
        ConfigurationError: there is no such function.
    """
    function = getattr(code.load(), code.callable, None)
    if not callable(function):
        raise ConfigurationError(f"{code.file.name} defines no function {code.callable!r}; correct `gate.metric`.")
    return function  # type: ignore[no-any-return]
