"""Calls of a champion and its challenger, as columns."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from teleprompt.errors import TelepromptError
from teleprompt.records import MILLION

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Integers = npt.NDArray[np.int64]
    Booleans = npt.NDArray[np.bool_]

CHAMPION, CHALLENGER = "champion", "challenger"
DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Call:
    """One call in production while there was a challenger, and what came of it."""

    key: str | None
    """Whose call it was (a customer, a conversation); None: it belongs with no other."""
    arm: Literal["champion", "challenger"]
    """Which version answered."""
    share: float
    """Of the keys, that the challenger was to answer at that time."""
    at: datetime
    """When it was made; without a time zone it is in UTC."""
    outcome: float | None
    """Its score in [0, 1]; None where none came."""


@dataclass(frozen=True, slots=True)
class CallColumns:
    """Calls in one order, whatever the order in which they came."""

    unit: "Integers"
    """Number of the key; a call without one has a number of its own."""
    challenger: "Booleans"
    share_e6: "Integers"
    at_ms: "Integers"
    missing: "Booleans"
    outcome_e6: "Integers"
    """0 where it is missing."""

    def where(self, chosen: "Booleans") -> "CallColumns":
        """Those calls alone."""
        return CallColumns(*(getattr(self, name)[chosen] for name in self.__slots__))


def columns_of(calls: Sequence[Call]) -> CallColumns:
    """The calls as columns.

    Raises:
        TelepromptError: an arm is unknown, a share or an outcome is no number in [0, 1], or a time is none.
    """
    import numpy as np

    unknown = {str(call.arm) for call in calls} - {CHAMPION, CHALLENGER}
    if unknown:
        raise TelepromptError(
            f"A call's arm is {min(unknown)!r}; name the version that answered it as {CHAMPION!r} or {CHALLENGER!r}."
        )
    missing = np.array([call.outcome is None for call in calls], bool)
    share_e6 = _in_millionths([call.share for call in calls], "share")
    outcome_e6 = _in_millionths([0.0 if call.outcome is None else call.outcome for call in calls], "outcome")
    at_ms = np.array([milliseconds(call.at) for call in calls], np.int64)
    challenger = np.array([call.arm == CHALLENGER for call in calls], bool)
    numbers = {key: number for number, key in enumerate(sorted({str(c.key) for c in calls if c.key is not None}))}
    keyed = np.array([-1 if call.key is None else numbers[str(call.key)] for call in calls], np.int64)
    order = np.lexsort([missing, outcome_e6, share_e6, challenger, at_ms, keyed])
    keyed = keyed[order]
    alone = keyed < 0
    unit = np.where(alone, len(numbers) + np.cumsum(alone) - 1, keyed)
    return CallColumns(
        unit, challenger[order], share_e6[order], at_ms[order], missing[order], outcome_e6[order]
    )  # fmt: skip


def _in_millionths(values: Sequence[float], what: str) -> "Integers":
    import numpy as np

    try:
        found = np.array(values, float)
    except (TypeError, ValueError):
        raise TelepromptError(f"A call's {what} is no number; correct it.") from None
    wrong = ~((found >= 0) & (found <= 1))  # true for NaN, too
    if wrong.any():
        raise TelepromptError(f"A call's {what} is {found[wrong][0]:g}, which is not in [0, 1]; correct it.")
    millionths: Integers = np.rint(found * MILLION).astype(np.int64)
    return millionths


def milliseconds(at: datetime) -> int:
    """Since 1970, of a time that is in UTC if it has no time zone.

    Raises:
        TelepromptError: it is no time.
    """
    if not isinstance(at, datetime):
        raise TelepromptError(f"A call's time is of the type {type(at).__name__}; give it as a datetime.")
    return round((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)
