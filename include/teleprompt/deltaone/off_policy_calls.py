"""Calls whose answers were left to chance in part, as columns."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from teleprompt.errors import TelepromptError
from teleprompt.records import MILLION

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Integers = npt.NDArray[np.int64]
    Booleans = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class ExploredCall:
    """One call in production, what came of its answer, and what two programs answer to the same input.

    Answers are compared as texts, so they are of few kinds: labels, choices, routes.
    """

    key: str | None
    """Whose call it was (a customer, a conversation); None: it belongs with no other."""
    answer: str
    """That was given."""
    propensity: float | None
    """Probability with which chance would give this answer to this input, in (0, 1]; None where it was not logged."""
    champion: str
    """The champion's answer to the input."""
    candidate: str
    """The candidate's."""
    outcome: float | None
    """Of the answer that was given, in [0, 1]; None where none came."""


@dataclass(frozen=True, slots=True)
class ExploredColumns:
    """Calls in one order, whatever the order in which they came."""

    unit: "Integers"
    """Number of the key, without gaps; a call without one has a number of its own."""
    answer: "Integers"
    """Answers as numbers, the same for the three."""
    champion: "Integers"
    candidate: "Integers"
    propensity: "Floats"
    """NaN where it was not logged."""
    missing: "Booleans"
    outcome: "Floats"
    """0 where it is missing."""
    answers: int
    """How many different ones there are."""


def columns_of(calls: Sequence[ExploredCall]) -> ExploredColumns:
    """The calls as columns.

    Raises:
        TelepromptError: a propensity or an outcome is no number in [0, 1].
    """
    import numpy as np

    names = sorted({name for call in calls for name in (call.answer, call.champion, call.candidate)})
    number = {name: i for i, name in enumerate(names)}
    keys = {key: i for i, key in enumerate(sorted({str(call.key) for call in calls if call.key is not None}))}
    keyed = np.array([-1 if call.key is None else keys[str(call.key)] for call in calls], np.int64)
    answer, champion, candidate = (
        np.array([number[getattr(call, name)] for call in calls], np.int64)
        for name in ("answer", "champion", "candidate")
    )
    missing = np.array([call.outcome is None for call in calls], bool)
    outcome = _within([0.0 if call.outcome is None else call.outcome for call in calls], "outcome")
    unlogged = np.array([call.propensity is None for call in calls], bool)
    propensity = _within([1.0 if call.propensity is None else call.propensity for call in calls], "propensity")
    propensity[unlogged] = np.nan
    order = np.lexsort([missing, outcome, propensity, candidate, champion, answer, keyed])
    keyed = keyed[order]
    alone = keyed < 0
    unit = np.where(alone, len(keys) + np.cumsum(alone) - 1, keyed)
    return ExploredColumns(
        unit, answer[order], champion[order], candidate[order], propensity[order], missing[order], outcome[order],
        len(names),
    )  # fmt: skip


def _within(values: Sequence[float], what: str) -> "Floats":
    """In whole millionths, so that whoever kept those finds the same."""
    import numpy as np

    try:
        found = np.array(values, float)
    except (TypeError, ValueError):
        raise TelepromptError(f"A call's {what} is no number; correct it.") from None
    wrong = ~((found >= 0) & (found <= 1))  # true for NaN, too
    if wrong.any():
        raise TelepromptError(f"A call's {what} is {found[wrong][0]:g}, which is not in [0, 1]; correct it.")
    rounded: Floats = np.rint(found * MILLION) / MILLION
    return rounded
