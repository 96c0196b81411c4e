"""Whether a challenger's calls are slower, or fail more often, than is tolerated beside the champion's."""

from collections.abc import Sequence
from math import exp, log
from typing import TYPE_CHECKING

from teleprompt.config.gate import Guardrail
from teleprompt.records import Record

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

SHOWN = 0.025
"""Anytime-valid p-value from which on a guardrail is broken: the chance of a false alarm, over all looks together."""
TUNED_FOR = 100
"""Keys of the smaller version at which a break is seen soonest."""
LEAST_KEYS = 20
"""Of either version; of fewer nobody knows how much they vary."""

Measured = tuple[str | None, float]
"""Key and value of a call, in the metric's unit; without a key it belongs with no other."""


class OnlineGuardrail(Record):
    """One guardrail in production; values are in the metric's unit."""

    metric: str
    champion: float | None
    """Mean over keys; None without a call."""
    challenger: float | None
    limit: float | None
    """The worst mean that is tolerated."""
    keys: tuple[int, int]
    """Of champion and challenger."""
    p_value: float
    """That the challenger is no worse than the limit; holds however often it is looked at."""
    holds: bool

    @property
    def reason(self) -> str:
        """What was found, in a few words."""
        if self.champion is None or self.challenger is None or self.limit is None:
            return f"{self.metric} is not known"
        return (
            f"{self.metric} {self.champion:.3g} -> {self.challenger:.3g}, at most {self.limit:.3g} is tolerated "
            f"(p = {self.p_value:.2g} over {self.keys[1]} keys)"
        )


def check_online(guardrail: Guardrail, champion: Sequence[Measured], challenger: Sequence[Measured]) -> OnlineGuardrail:
    """The means over keys of two versions' calls at the same time, against the limit.

    A rollout is looked at again and again, so the p-value is that of a normal mixture (Robbins 1970; with estimated
    variances Waudby-Smith et al. 2024), which holds at all looks together. A guardrail holds until it is shown to be
    broken, as too few calls show nothing.
    """
    before, after = _of_keys(champion), _of_keys(challenger)
    keys = len(before), len(after)
    means = tuple(float(values.mean()) if len(values) else None for values in (before, after))
    limit = None if means[0] is None else means[0] + _tolerated(guardrail, means[0])
    found = OnlineGuardrail(
        metric=guardrail.metric, champion=means[0], challenger=means[1], limit=limit, keys=keys, p_value=1, holds=True
    )
    if min(keys) < LEAST_KEYS or limit is None or means[1] is None:
        return found
    parts = [float(values.var(ddof=1)) / len(values) for values in (before, after)]
    error, beyond = sum(parts) ** 0.5, means[1] - limit
    p = (0.0 if beyond > 0 else 1.0) if error == 0 else _anytime_p(beyond / error, min(keys))
    return found.model_copy(update={"p_value": p, "holds": p > SHOWN})


def _anytime_p(z: float, keys: int) -> float:
    """One over the evidence against no difference: the likelihood ratio, mixed over differences of all sizes."""
    if z <= 0:
        return 1.0
    information = keys / TUNED_FOR
    log_e = z**2 * information / (2 * (1 + information)) - log(1 + information) / 2
    return min(1.0, exp(-log_e))


def _of_keys(measured: Sequence[Measured]) -> "npt.NDArray[np.float64]":
    """The mean of each key's calls."""
    import numpy as np

    values: dict[str, list[float]] = {}
    for i, (key, value) in enumerate(measured):
        values.setdefault(f"call {i}" if key is None else f"key {key}", []).append(value)
    return np.array([sum(own) / len(own) for own in values.values()])


def _tolerated(guardrail: Guardrail, champion: float) -> float:
    if isinstance(guardrail.tolerance, str):
        return champion * float(guardrail.tolerance.rstrip("%")) / 100
    return guardrail.tolerance
