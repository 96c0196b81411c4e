"""The model file that MLflow keeps and runs for each version (models-from-code: nothing is unpickled).

Its artifacts are the program's files, its state as JSON, a small spec, and the modules that import the files and read
the state. The language model is not among them: `predict` uses the one of the caller's `dspy.context`, else the one
that `TELEPROMPT_LM__MODEL` names. Nothing of Teleprompt is needed where it runs.
"""

import hashlib
import importlib.util
import inspect
import json
import os
import sys
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd  # noqa: TC002 - MLflow reads the hint
from mlflow.pyfunc.model import PythonModel


class ServedProgram(PythonModel):
    """A DSPy program as an MLflow model: rows of inputs in, rows of outputs out."""

    def load_context(self, context: Any) -> None:
        """Build the program from its files and load its state."""
        paths = {name: Path(path) for name, path in context.artifacts.items()}
        spec = json.loads(paths["spec"].read_text(encoding="utf-8"))
        self.output_fields = spec["output_fields"]
        module = _module(paths["importing"], paths["code"], spec)
        state = json.loads(paths["state"].read_text(encoding="utf-8"))
        composition = _own_module("composition", paths["composition"])
        self.program = composition.with_state(getattr(module, spec["callable"])(), state)

    # Hinted as a table, though it takes a list of rows, too: of a table MLflow infers no schema. Of any other hint it
    # does, and without one it warns.
    def predict(self, context: Any, model_input: "pd.DataFrame", params: Any = None) -> list[dict[str, Any]]:
        """The program's outputs for each row of inputs, as JSON; inputs may be JSON or of the program's types."""
        del context, params
        import dspy

        rows = model_input if isinstance(model_input, list) else model_input.to_dict("records")
        lm = dspy.settings.lm or dspy.LM(os.environ["TELEPROMPT_LM__MODEL"])
        with dspy.context(lm=lm):
            answers = [_call(self.program, row) for row in rows]
        return [_outputs(answer, self.output_fields) for answer in answers]


def _module(importing: Path, code: Path, spec: dict[str, Any]) -> Any:
    """The program's module, imported as in the run that made the version."""
    importer = _own_module("importing", importing)
    files = frozenset(path.relative_to(code).as_posix() for path in code.rglob("*") if path.is_file())
    tree = importer.Tree(code, files, tuple(spec["own_prefixes"]), frozenset(spec["siblings"]))
    name = f"served_program_{hashlib.sha256(str(code).encode()).hexdigest()[:12]}"
    return importer.import_from(tree, spec["module"], name=name)


def _own_module(name: str, file: Path) -> Any:
    """One of Teleprompt's modules, from the version's own copy."""
    spec: Any = importlib.util.spec_from_file_location(f"teleprompt_{name}", file)
    module: Any = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def _call(program: Any, row: dict[str, Any]) -> Any:
    """Call the program with a row; empty cells of a table are arguments that are not given."""
    given = {name: value for name, value in row.items() if value is not None and value == value}
    if hasattr(type(program), "forward") or not hasattr(type(program), "aforward"):
        return program(**_typed(program, given))
    import asyncio

    return asyncio.run(program.acall(**_typed(program, given)))


def _typed(program: Any, row: dict[str, Any]) -> dict[str, Any]:
    """Values as the program's types, where they can be read as them."""
    from pydantic import TypeAdapter, ValidationError

    typed = dict(row)
    for name, annotation in _annotations(program).items():
        if name in row and annotation is not str:
            try:
                typed[name] = TypeAdapter(annotation).validate_python(row[name])
            except (ValidationError, TypeError, ValueError):  # it is handed over as it came
                continue
            except Exception as error:  # a type that pydantic has no schema of
                if type(error).__name__ != "PydanticSchemaGenerationError":
                    raise
    return typed


def _annotations(program: Any) -> dict[str, Any]:
    """The types of the inputs: those of `forward`, of a predictor those of its signature."""
    signature: Any = getattr(program, "signature", None)
    if hasattr(signature, "input_fields"):
        return {name: field.annotation for name, field in signature.input_fields.items()}
    kind = type(program)
    call = getattr(kind, "forward", None) or kind.aforward
    try:
        parameters = inspect.signature(call, eval_str=True).parameters.values()
    except (NameError, TypeError, ValueError):
        return {}
    return {each.name: each.annotation for each in parameters if each.annotation is not each.empty}


def _outputs(answer: Any, names: list[str]) -> dict[str, Any]:
    """What an answer holds of the outputs; one without fields is the one output, called `output`."""
    if hasattr(answer, "items"):  # a prediction or a mapping
        held = {name: value for name, value in answer.items() if not names or name in names}
    elif names and all(hasattr(answer, name) for name in names):
        held = {name: getattr(answer, name) for name in names}
    else:
        held = {"output": answer}
    return {name: _as_json(value) for name, value in held.items()}


def _as_json(value: Any) -> Any:
    from pydantic_core import to_jsonable_python

    return to_jsonable_python(value, fallback=str)


mlflow.models.set_model(ServedProgram())
