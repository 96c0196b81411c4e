"""The difference of two arms within weeks and shares, with keys as the independent units.

Who answers is left to chance only as long as the challenger's share stays as it is, and outcomes change from week to
week. So arms are compared within each week and share, and the differences are averaged. A key that calls in several of
them is one unit all the same: what all its calls add to the estimate is added up before it is squared.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from teleprompt.deltaone.online_calls import CallColumns

    Floats = npt.NDArray[np.float64]
    Integers = npt.NDArray[np.int64]
    Booleans = npt.NDArray[np.bool_]

LEAST_KEYS = 2
"""Of each arm in a stratum: of one nobody knows how much it varies."""
KEY_CAP = 16
"""A key counts for at most so many calls in a week and at one share, by the mean of all that it made. A few customers
with thousands of calls would else be all that is compared, and a handful of units proves nothing."""
ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Cells:
    """A key's calls in one week at one share, each a cell: columns of equal length."""

    unit: "Integers"
    """0, 1, ... without gaps."""
    stratum: "Integers"
    challenger: "Booleans"
    week: "Integers"
    share: "Floats"
    calls: "Floats"
    seen: "Floats"
    """Calls with an outcome."""
    total: "Floats"
    """Sum of the outcomes that were seen."""

    @property
    def part(self) -> "Floats":
        """How much of each call counts."""
        import numpy as np

        return KEY_CAP / np.maximum(self.calls, KEY_CAP)

    @property
    def units(self) -> int:
        """How many keys there are."""
        return int(self.unit.max()) + 1 if len(self.unit) else 0

    @property
    def strata(self) -> int:
        """How many weeks and shares there are."""
        return int(self.stratum.max()) + 1 if len(self.stratum) else 0


@dataclass(frozen=True, slots=True)
class Difference:
    """What was estimated."""

    delta: float
    champion: float
    """Mean of the strata, each with its weight."""
    challenger: float
    influence: "Floats"
    """What each key adds to the error of the estimate."""
    weight: "Floats"
    """Of each key in its arm's mean; in both, if it was in both at different shares."""
    keys: tuple[int, int]
    """Of champion and challenger that count."""
    strata: "Booleans"
    """Which of them count."""

    @property
    def se(self) -> float:
        """Standard error: each key left out in turn (jackknife, HC3 of MacKinnon and White 1985, by cluster)."""
        return float((self.influence**2).sum() ** 0.5)

    @property
    def freedom(self) -> float:
        """Degrees of freedom of its square if all calls of a key went alike (Satterthwaite 1946)."""
        squares = self.weight**2
        return max(1.0, float(squares.sum() ** 2 / (squares**2).sum()) - 2)

    def p_value(self, null: float = 0.0) -> float:
        """One-sided, of a difference that is not above `null`."""
        from scipy.stats import t

        if self.se < ROUNDING:  # all calls went alike
            least = 0.5 ** min(self.keys)  # of the sign test
            return 0.5 if abs(self.delta - null) < ROUNDING else 1 - least if self.delta < null else least
        return float(t.sf((self.delta - null) / self.se, self.freedom))


def cells_of(columns: "CallColumns", week: "Integers") -> Cells:
    """The calls, each in the `week` that is given for it, by key, week and share."""
    import numpy as np

    _, unit = np.unique(columns.unit, return_inverse=True)
    pairs, stratum = np.unique(week * 2_000_000 + columns.share_e6, return_inverse=True)
    found, cell = np.unique(unit * max(1, len(pairs)) + stratum, return_inverse=True)
    first = np.unique(cell, return_index=True)[1]

    def added(values: "npt.ArrayLike | None") -> "Floats":
        return np.bincount(cell, values, len(found)).astype(float)

    return Cells(
        unit[first], stratum[first], columns.challenger[first], week[first], columns.share_e6[first] / 1e6,
        added(None), added(~columns.missing), added(columns.outcome_e6) / 1e6,
    )  # fmt: skip


def difference(cells: Cells, size: "Floats", total: "Floats", within: "Booleans | None" = None) -> Difference | None:
    """Challenger less champion, of means `total / size`; None where no stratum has keys of both.

    A stratum weighs as many calls as it has times share (1 - share), which is how much it can tell: the same for each
    week while the share stays.
    """
    import numpy as np

    size, total, counted = size * cells.part, total * cells.part, cells.calls * cells.part
    used = size > 0 if within is None else (size > 0) & within
    arm = cells.stratum * 2 + cells.challenger
    slots = 2 * cells.strata
    keys, sizes, totals, calls = (
        np.bincount(arm[used], values, slots).reshape(-1, 2)
        for values in (None, size[used], total[used], counted[used])
    )
    strata = keys.min(axis=1) >= LEAST_KEYS if slots else np.zeros(0, bool)
    if not strata.any():
        return None
    share = np.zeros(cells.strata)
    share[cells.stratum] = cells.share
    weight = np.where(strata, calls.sum(axis=1) * share * (1 - share), 0)
    weight = weight / weight.sum()
    means = totals / np.where(sizes > 0, sizes, 1)
    own = used & strata[cells.stratum]
    stratum, side = cells.stratum[own], cells.challenger[own].astype(int)
    part = size[own] / sizes[stratum, side]
    error = (total[own] - size[own] * means[stratum, side]) / sizes[stratum, side] / np.maximum(1 - part, 1e-9)
    unit = cells.unit[own]
    champion, challenger = (weight[:, None] * means).sum(axis=0)
    return Difference(
        delta=float(challenger - champion),
        champion=float(champion),
        challenger=float(challenger),
        influence=np.bincount(unit, weight[stratum] * np.where(side, error, -error), cells.units).astype(float),
        weight=np.bincount(unit + side * cells.units, weight[stratum] * part, 2 * cells.units).astype(float),
        keys=(len(np.unique(unit[side == 0])), len(np.unique(unit[side == 1]))),
        strata=strata,
    )
