"""Evidence that may be looked at any time: wealth of fixed bets on bounded differences, and the bounds that it implies.

Who bets the share λ of their wealth on each of the differences x in [-1, 1] owns ∏(1 + λx). If no difference is above
0 on average, given those before it, that is a nonnegative supermartingale, and so is the mean over any bets that are
fixed beforehand: it ever reaches 1/a with a probability of at most a (Ville 1939). Bets that adapt to what was seen
keep that promise, but promote what was bad for long and good for a moment; these do not adapt. Against a mean of m the
bet is on x - m (Waudby-Smith and Ramdas 2024, "Estimating means of bounded random variables by betting").
"""

import math
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

from teleprompt.records import MILLION

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

STEPS = 100
"""Cells in a score of 1."""
CELLS = 2 * STEPS + 1
"""Differences are put into the cells -1, -0.99, ..., 1, and one between two of them into both in proportion. The
logarithm is concave, so that can only lower the wealth, and much data takes no more room than little."""

LEAST_BET, MOST_BET, BETS = 0.03, 0.8, 14
"""Shares of the wealth, evenly spaced by their ratio, each with the same weight. The best bet is mean / mean square: a
gain of one point where 30 % of the answers differ asks for 0.03, one of ten where 13 % differ for 0.8."""


def log_e(weights: Sequence[float], *, null_e6: int) -> float:
    """Natural logarithm of the wealth against a mean of at most `null_e6`, for the weight (a count) of each cell.

    The bet λ is on (x - m) / (1 + m), which is at least -1 wherever m is; so the wealth falls as m rises.
    """
    import numpy as np

    weight = np.asarray(weights)
    used = np.flatnonzero(weight)
    return _log_e(used * (MILLION // STEPS), weight[used], null_e6)


def lower_bound_e6(weights: Sequence[float], *, boundary: float, known_e6: int) -> int:
    """The smallest mean in millionths, `known_e6` or above, against which the log wealth is below `boundary`."""
    import numpy as np

    weight = np.asarray(weights)
    used = np.flatnonzero(weight)
    above, weight = used * (MILLION // STEPS), weight[used]
    rejected = max(known_e6 - 1, 1 - MILLION)
    if _log_e(above, weight, rejected + (known_e6 > rejected)) < boundary:
        return known_e6
    # Against the mean of the sample, and above, there is no wealth to gain: the logarithm is concave.
    held = min(MILLION, math.ceil(float((above * weight).sum() / weight.sum())) - MILLION + 1)
    rejected = min(max(known_e6, 1 - MILLION), held - 1)
    while held - rejected > 1:
        middle = (held + rejected) // 2
        if _log_e(above, weight, middle) < boundary:
            held = middle
        else:
            rejected = middle
    return held


def mirrored(weights: Sequence[float]) -> Sequence[float]:
    """The cells of the differences with the other sign."""
    return weights[::-1]


def _log_e(above_e6: "npt.NDArray[np.int64]", weight: "npt.NDArray[np.float64]", null_e6: int) -> float:
    """For differences that are so far above -1, in millionths."""
    import numpy as np

    stakes = above_e6 / (MILLION + null_e6) - 1
    logs = (np.log1p(_bets() * stakes) * weight).sum(axis=1)
    most = float(logs.max())
    return most + math.log(float(np.exp(logs - most).sum()) / BETS)


@cache
def _bets() -> "npt.NDArray[np.float64]":
    import numpy as np

    ratio = (MOST_BET / LEAST_BET) ** (1 / (BETS - 1))
    return np.array([[LEAST_BET * ratio**k] for k in range(BETS)])
