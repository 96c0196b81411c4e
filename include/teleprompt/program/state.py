"""A program's state as canonical JSON: instructions and demonstrations, never keys, LMs or lineage."""

import json
from typing import Any

from teleprompt.encoding.canonical_json import canonical_json
from teleprompt.errors import TelepromptError


def dump_state(program: Any) -> bytes:
    """The state of a `dspy.Module` as canonical JSON.

    Demonstrations keep the fields of their predictor's signature only (DSPy would keep every field of the
    trace, the contributor among them), and the language model is left out: it is supplied at run time.
    """
    state = json.loads(json.dumps(program.dump_state(), default=str))
    for name, predictor in program.named_predictors():
        own = state.get(name, state)  # a bare Predict is its own whole state
        own["lm"] = None
        fields = {*predictor.signature.fields, "augmented"}
        own["demos"] = [{k: v for k, v in demo.items() if k in fields} for demo in own.get("demos", [])]
        own["traces"], own["train"] = [], []
    state.pop("metadata", None)
    return canonical_json(state)


def load_state(program: Any, state: bytes) -> Any:
    """A fresh copy of `program` with that state; `program` is left as it was.

    Raises:
        TelepromptError: the state belongs to a program of another shape.
    """
    fresh = program.reset_copy()
    try:
        fresh.load_state(json.loads(state))
    except (KeyError, ValueError, TypeError) as error:
        raise TelepromptError(
            f"A stored state does not fit {type(program).__name__} ({error}); "
            "raise `baseline_version` when the program's predictors change."
        ) from error
    return fresh
