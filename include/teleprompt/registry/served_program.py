"""The model file that MLflow keeps and runs for each version (models-from-code: nothing is unpickled).

Its artifacts are the program's Python file, its state as JSON, and a small spec. The language model is not among
them: `predict` uses the one of the caller's `dspy.context`, else the one that `TELEPROMPT_LM__MODEL` names.
"""

import importlib.util
import json
import os
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd  # noqa: TC002 - MLflow reads the hint
from mlflow.pyfunc.model import PythonModel


class ServedProgram(PythonModel):
    """A DSPy program as an MLflow model: rows of inputs in, rows of outputs out."""

    def load_context(self, context: Any) -> None:
        """Build the program from its file and load its state."""
        paths = {name: Path(path) for name, path in context.artifacts.items()}
        spec = json.loads(paths["spec"].read_text(encoding="utf-8"))
        self.output_fields = spec["output_fields"]
        module_spec = importlib.util.spec_from_file_location("served_program_code", paths["code"])
        module = importlib.util.module_from_spec(module_spec)  # type: ignore[arg-type]
        module_spec.loader.exec_module(module)  # type: ignore[union-attr]
        self.program = getattr(module, spec["callable"])()
        self.program.load_state(json.loads(paths["state"].read_text(encoding="utf-8")))

    # Hinted as a table, though it takes a list of rows, too: of a table MLflow infers no schema. Of any other hint it
    # does, and without one it warns.
    def predict(self, context: Any, model_input: "pd.DataFrame", params: Any = None) -> list[dict[str, Any]]:
        """The program's outputs for each row of inputs."""
        del context, params
        import dspy

        rows = model_input if isinstance(model_input, list) else model_input.to_dict("records")
        lm = dspy.settings.lm or dspy.LM(os.environ["TELEPROMPT_LM__MODEL"])
        with dspy.context(lm=lm):
            answers = [self.program(**row) for row in rows]
        return [_outputs(answer, self.output_fields) for answer in answers]


def _outputs(answer: Any, names: list[str]) -> dict[str, Any]:
    """What an answer holds of the outputs; one without fields is the one output, called `output`."""
    if hasattr(answer, "items"):  # a prediction or a mapping
        return {name: value for name, value in answer.items() if not names or name in names}
    if names and all(hasattr(answer, name) for name in names):
        return {name: getattr(answer, name) for name in names}
    return {"output": answer}


mlflow.models.set_model(ServedProgram())
