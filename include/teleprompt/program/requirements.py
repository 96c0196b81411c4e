"""What a program's modules need beside Python: ProgramOfThought, CodeAct and RLM run the code that a model writes."""

from typing import Any

from teleprompt.errors import ConfigurationError


def check_requirements(program: Any) -> None:
    """Refuse a program that cannot run here.

    Raises:
        ConfigurationError: a module runs code in Deno, which is not installed.
    """
    from dspy.primitives.python_interpreter import PythonInterpreter

    for name, module in program.named_sub_modules():
        if not _runs_code_in_deno(module, PythonInterpreter):
            continue
        if not _deno_is_installed():
            where = type(module).__name__ if name == "self" else f"`{name.removeprefix('self.')}`"
            raise ConfigurationError(
                f"{where} runs the code that a model writes in Deno, which is not installed; add `dspy[deno]` to "
                "requirements.txt, or give it another interpreter."
            )


def _runs_code_in_deno(module: Any, interpreter: type) -> bool:
    import dspy

    if not isinstance(module, (dspy.ProgramOfThought, dspy.CodeAct, dspy.RLM)):
        return False
    own = [value for name, value in vars(module).items() if "interpreter" in name and value is not None]
    return not own or any(value is interpreter or isinstance(value, interpreter) for value in own)


def _deno_is_installed() -> bool:
    import shutil
    from importlib.util import find_spec

    return find_spec("deno") is not None or shutil.which("deno") is not None
