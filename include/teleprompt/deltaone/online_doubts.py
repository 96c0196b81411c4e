"""Why outcomes in production may decide nothing, whatever they say.

A challenger that answers a share of the keys is compared as in a randomised trial. That holds only if chance decided
who answered, if who is silent does not depend on who answered, and if a gain is not of the first days only. A sample
ratio that chance does not explain is the best known sign of a trial that is broken (Fabijan et al. 2019, "Diagnosing
Sample Ratio Mismatch in Online Controlled Experiments").
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from teleprompt.deltaone.strata import ROUNDING, Cells, difference

if TYPE_CHECKING:
    from teleprompt.deltaone.online_calls import Booleans, CallColumns, Integers

UNLIKELY_RATIO = 0.01
"""From here on chance does not explain how many keys the challenger got. Each whole week asks again."""
UNLIKELY = 0.005
"""The same of further signs of a broken trial."""
MISSING_UNLIKELY = 0.01
"""From here on, outcomes are missing unequally."""
MOST_IN_BOTH = 0.01
"""Share of the keys that both versions may have answered at one share."""
ALWAYS_BORNE_IN_BOTH = 3
"""So many may in any case: a single key of a small trial is more than a hundredth."""
DECAYS = 0.01
"""From here on, the gain of the first weeks was larger than that of the last ones."""


class Doubt(StrEnum):
    """Why outcomes of calls decide nothing."""

    TOO_SHORT = "too_short"
    KEYS_NOT_LOGGED = "keys_not_logged"
    KEYS_IN_BOTH = "keys_in_both"
    SAMPLE_RATIO = "sample_ratio"
    UNLIKE_BEFORE = "unlike_before"
    CALLS_DIFFER = "calls_differ"
    SILENCE_DIFFERS = "silence_differs"
    NOVELTY = "novelty"

    def because(self, why: str) -> str:
        """With what was found, and what to do."""
        return f"{self}: {why}"


@dataclass(frozen=True, slots=True)
class Assignment:
    """Who answered which key, and whether chance decided it."""

    kept: "Booleans"
    """The calls whose keys stayed with one version as long as the share was the same."""
    in_both: int
    """The other keys."""
    doubts: tuple[str, ...]


def assignment_of(columns: "CallColumns", week: "Integers") -> Assignment:
    """Which calls of a rollout can be compared; with a share of 0 or 1 there is nothing to compare with."""
    import numpy as np

    kept = ~np.isin(columns.unit, _in_both(columns))
    in_both = len(np.unique(columns.unit[~kept]))
    first = _first_calls(columns.where(kept))
    doubts = []
    if in_both > max(ALWAYS_BORNE_IN_BOTH, MOST_IN_BOTH * (len(np.unique(columns.unit)))):
        doubts.append(
            Doubt.KEYS_IN_BOTH.because(
                f"{in_both:,} keys were answered by both versions while the share was the same; let one place choose "
                "the version, by a key that does not change"
            )
        )
    doubts += _ratio_doubts(columns.where(kept), week[kept], first)
    compared = kept & (columns.share_e6 > 0) & (columns.share_e6 < 1_000_000)
    return Assignment(compared, in_both, tuple(doubts))


def _in_both(columns: "CallColumns") -> "Integers":
    """Units that came to both arms at one share."""
    import numpy as np

    at_share, place = np.unique(columns.unit * 2_000_000 + columns.share_e6, return_inverse=True)
    arms = np.bincount(place, columns.challenger, len(at_share)) / np.bincount(place, minlength=len(at_share))
    units: Integers = at_share[(arms > 0) & (arms < 1)] // 2_000_000
    return units


def _first_calls(columns: "CallColumns") -> "Integers":
    """The first call of each unit at each share; the calls are in order of units and times."""
    import numpy as np

    first: Integers = np.unique(columns.unit * 2_000_000 + columns.share_e6, return_index=True)[1]
    return first


def _ratio_doubts(columns: "CallColumns", week: "Integers", first: "Integers") -> list[str]:
    """Whether as many keys went to the challenger as its share says: in all, and of those that came first each week."""
    import numpy as np
    from scipy.stats import binomtest, chi2

    shares, at = np.unique(columns.share_e6[first], return_inverse=True)
    keys, took = (np.bincount(at, values, len(shares)).astype(int) for values in (None, columns.challenger[first]))
    found = [
        (float(binomtest(int(k), int(n), share / 1e6).pvalue), int(n), int(k), share / 1e6)
        for n, k, share in zip(keys, took, shares, strict=True)
    ]
    _, group = np.unique(week[first] * 2_000_000 + columns.share_e6[first], return_inverse=True)
    groups = int(group.max()) + 1 if len(group) else 0
    expected = np.bincount(group, columns.share_e6[first] / 1e6, groups)
    n, k = np.bincount(group, minlength=groups), np.bincount(group, columns.challenger[first], groups)
    enough = (expected >= 5) & (n - expected >= 5)
    squares = ((k - expected)[enough] ** 2 / (expected * (1 - expected / n))[enough]).sum()
    by_week = float(chi2.sf(squares, enough.sum())) if enough.sum() > 1 else 1.0
    doubts = [
        Doubt.SAMPLE_RATIO.because(
            f"the challenger answered {k:,} of {n:,} keys where a share of {share:.4g} gives {share * n:,.0f} "
            f"(p = {p:.2g}); something else than that share decides who answers"
        )
        for p, n, k, share in sorted(found)[:1]
        if p < UNLIKELY_RATIO / len(found)
    ]
    if not doubts and by_week < UNLIKELY:
        doubts.append(
            Doubt.SAMPLE_RATIO.because(
                f"the keys that came new each week are not divided as the share says (p = {by_week:.2g}); something "
                "else than that share decides who answers"
            )
        )
    return doubts


def doubt_about_before(cells: Cells, before: "CallColumns", units: "Integers") -> list[str]:
    """Whether keys of the two arms had other outcomes when the champion alone answered; `units` are those of cells."""
    import numpy as np

    own = np.isin(before.unit, units) & ~before.missing & ~before.challenger
    unit = np.searchsorted(units, before.unit[own])
    counted = np.bincount(unit, minlength=len(units))
    total = np.bincount(unit, before.outcome_e6[own] / 1e6, len(units)).astype(float)
    one = np.unique(cells.unit, return_index=True)[1]  # the first share at which each key was compared
    single = _of_units(cells, one)
    found = difference(single, counted.astype(float), total)
    if found is None or 2 * min(found.p_value(), 1 - found.p_value()) >= UNLIKELY:
        return []
    return [
        Doubt.UNLIKE_BEFORE.because(
            f"before there was a challenger the keys that it got differed by {100 * found.delta:+.1f} points from the "
            "others; something else than chance decides who answers"
        )
    ]


def doubt_about_activity(cells: Cells) -> list[str]:
    """Whether keys of one arm call more often: then its mean is one of other calls."""
    import numpy as np

    one = np.unique(cells.unit, return_index=True)[1]
    calls = np.bincount(cells.unit, cells.calls)[cells.unit[one]]
    found = difference(_of_units(cells, one), np.ones(len(one)), np.log(calls))  # a few make very many
    if found is None or 2 * min(found.p_value(), 1 - found.p_value()) >= UNLIKELY:
        return []
    return [
        Doubt.CALLS_DIFFER.because(
            f"keys of the challenger made {np.exp(found.challenger):.2f} calls each, the champion's "
            f"{np.exp(found.champion):.2f} (geometric means); who is content may call more or less often, so means of "
            "calls cannot be compared"
        )
    ]


def _of_units(cells: Cells, one: "Integers") -> Cells:
    """One cell for each unit, by the share alone."""
    import numpy as np

    _, stratum = np.unique(cells.share[one], return_inverse=True)
    ones = np.ones(len(one))
    return Cells(
        cells.unit[one], stratum, cells.challenger[one], np.zeros(len(one), int), cells.share[one], ones, ones, ones
    )  # fmt: skip


def doubts_about_silence(cells: Cells, parts: "tuple[Booleans, ...]", *, at_random: bool) -> list[str]:
    """Whether outcomes are missing unequally: in all, in a part of the weeks, or with what the others of a key were."""
    missing = cells.calls - cells.seen
    whole = difference(cells, cells.calls, missing)
    if whole is None or not missing.any():
        return []
    found = [part for part in (difference(cells, cells.calls, missing, part) for part in parts) if part]
    tested = [whole, *found]
    differs = min(tested, key=lambda one: min(one.p_value(), 1 - one.p_value()))
    p = 2 * min(differs.p_value(), 1 - differs.p_value()) * len(tested)
    if p < MISSING_UNLIKELY:
        where = "" if differs is whole else " in a part of the weeks"
        return [
            Doubt.SILENCE_DIFFERS.because(
                f"{100 * differs.challenger:.1f} % of the challenger's outcomes are missing and "
                f"{100 * differs.champion:.1f} % of the champion's{where}; log the outcomes of both alike"
            )
        ]
    if at_random and _silence_goes_with_outcomes(cells):
        return [
            Doubt.SILENCE_DIFFERS.because(
                "outcomes are missing of other keys in one arm than in the other: of those whose outcomes were better, "
                "or worse; log the outcomes of both alike"
            )
        ]
    return []


def _silence_goes_with_outcomes(cells: Cells) -> bool:
    """Whether the outcomes of keys that are silent in part differ from the others' otherwise in one arm."""
    import numpy as np
    from scipy.special import ndtr

    missing = np.bincount(cells.unit, cells.calls - cells.seen) > 0
    silent = missing[cells.unit]
    arms = [difference(cells, cells.seen, cells.total, part) for part in (silent, ~silent)]
    one, other = arms
    if one is None or other is None:
        return False
    se = (one.se**2 + other.se**2) ** 0.5  # they have no key in common
    return bool(2 * ndtr(-abs(one.delta - other.delta) / max(se, ROUNDING)) < MISSING_UNLIKELY)
