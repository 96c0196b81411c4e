"""Does a challenger do better in production: a pure function of the calls while it answered a share of them.

Keys are the independent units. Arms are compared within weeks and shares, over whole weeks, and the differences are
averaged (`strata`). The interval is that of the delta method for a ratio of sums over keys (Deng et al. 2018), with
each key left out in turn for its variance, and never narrower than what so few keys may leave unseen. How far calls
without an outcome can move it is added to it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from teleprompt.config.production import MissingOutcomes
from teleprompt.deltaone.online_calls import DAY_MS, Call, CallColumns, columns_of, milliseconds
from teleprompt.deltaone.online_doubts import (
    DECAYS,
    Doubt,
    assignment_of,
    doubt_about_activity,
    doubt_about_before,
    doubts_about_silence,
)
from teleprompt.deltaone.online_policy import OnlinePolicy
from teleprompt.deltaone.online_report import Arm, OnlineReport
from teleprompt.deltaone.paired import allowing_for_the_unseen
from teleprompt.deltaone.report import Verdict
from teleprompt.deltaone.strata import Cells, Difference, cells_of, difference
from teleprompt.deltaone.verdict import evidence_of, verdict_of
from teleprompt.records import to_millionths

if TYPE_CHECKING:
    from teleprompt.deltaone.strata import Booleans, Floats

WEEK_MS = 7 * DAY_MS
FIRST = 3
"""One of so many weeks, and at least one, is set aside to see whether the later ones show what all do."""


def decide_online(
    calls: Sequence[Call],
    policy: OnlinePolicy,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    versions: tuple[str, str] = ("champion", "challenger"),
) -> OnlineReport:
    """What the calls since a challenger came show of it; it may be asked at any time, with all calls there are.

    Weeks are counted from `since`, or the first call at a share between 0 and 1, and count as a whole once their last
    day has begun, or up to `until`. Each further whole week is a look with its own part of the level, so the same
    calls in the middle of a week decide nothing new. `versions` name champion and challenger in the report.

    `promote`: the interval is above 0 (`significant`) or above the threshold (`proven`), the estimate at least the
    threshold, and the later weeks alone show a gain, too, with the level undivided, so that a gain of the first days
    promotes no more often than that. `reject`: the interval is below 0, and the later weeks alone show harm.

    Raises:
        TelepromptError: a call's arm, share, time or outcome is none.
    """
    times = tuple(None if time is None else milliseconds(time) for time in (since, until))
    trial = _Trial.of(columns_of(calls), policy, *times)
    return trial.report(versions)


@dataclass(frozen=True, slots=True)
class _Filled:
    """Sums of outcomes by cell, where those that are missing are filled in."""

    size: "Floats"
    total: "Floats"


@dataclass(frozen=True, slots=True)
class _Trial:
    policy: OnlinePolicy
    cells: Cells
    weeks: tuple[int, ...]
    """The whole weeks in which both versions answered."""
    in_both: int
    doubts: tuple[str, ...]

    @classmethod
    def of(cls, columns: CallColumns, policy: OnlinePolicy, since_ms: int | None, until_ms: int | None) -> "_Trial":
        import numpy as np

        rolled = (columns.share_e6 > 0) & (columns.share_e6 < 1_000_000)
        if not rolled.any():
            begins = end = 0
        else:
            begins = int(columns.at_ms[rolled].min()) if since_ms is None else since_ms
            end = int(columns.at_ms.max()) + DAY_MS if until_ms is None else until_ms
        end -= round(policy.maturity_days * DAY_MS)
        week = (columns.at_ms - begins) // WEEK_MS
        mature = (week >= 0) & (week < (end - begins) // WEEK_MS)
        within, week = columns.where(mature), week[mature]
        assigned = assignment_of(within, week)
        compared = within.where(assigned.kept)
        cells = cells_of(compared, week[assigned.kept])
        found = difference(cells, cells.calls, cells.total)
        weeks: tuple[int, ...] = ()
        doubts = list(assigned.doubts)
        if found is not None:
            weeks = tuple(np.unique(cells.week[found.strata[cells.stratum]]).tolist())
            units = np.unique(compared.unit)
            before = columns.where((columns.share_e6 == 0) & (columns.at_ms < begins))
            doubts += doubt_about_before(cells, before, units) + doubt_about_activity(cells)
        return cls(policy, cells, weeks, assigned.in_both, tuple(doubts))

    def report(self, versions: tuple[str, str]) -> OnlineReport:
        level = self.policy.level_after(max(len(self.weeks), self.policy.minimum_weeks))
        best = self._difference(self._as_seen())
        doubts, low, high, p_value, evidence = list(self.doubts), -1.0, 1.0, 1.0, None
        verdict = Verdict.INCONCLUSIVE
        is_short = len(self.weeks) < self.policy.minimum_weeks
        if is_short:
            doubts.append(
                Doubt.TOO_SHORT.because(
                    f"both versions answered in {len(self.weeks)} whole weeks of {self.policy.minimum_weeks}; wait"
                )
            )
        if best is not None:
            doubts += self._silence()
            low, high, p_value = self._interval(best, level)
            low_e6, high_e6 = to_millionths(low), to_millionths(high)
            evidence = evidence_of(
                delta_e6=_delta_e6(best),
                low_e6=low_e6,
                p_value=p_value,
                threshold_e6=self.policy.threshold_e6,
                alpha=2 * level,
            )
            verdict = verdict_of(evidence, high_e6=high_e6, threshold_e6=0, claim=self.policy.claim)
            if verdict is not Verdict.INCONCLUSIVE and not is_short:
                doubts += self._novelty(level, better=verdict is Verdict.PROMOTE)
        if doubts:
            evidence, verdict = None, Verdict.INCONCLUSIVE
        return OnlineReport(
            verdict=verdict,
            evidence=evidence,
            baseline=self._arm(versions[0], best, challenger=False),
            optimized=self._arm(versions[1], best, challenger=True),
            delta_e6=0 if best is None else _delta_e6(best),
            ci_low_e6=to_millionths(low),
            ci_high_e6=to_millionths(high),
            p_value_e6=to_millionths(p_value),
            test="delta_method",
            interval="delta_method_unseen",
            threshold_e6=self.policy.threshold_e6,
            alpha=2 * level,
            weeks=len(self.weeks),
            keys_in_both=self.in_both,
            missing_are=self.policy.missing,
            blocked="; ".join(doubts) or None,
        )

    def _as_seen(self) -> _Filled:
        """The best guess: what is missing would have been like what came, or is 0 if that is what silence means."""
        size = self.cells.calls if self.policy.missing is MissingOutcomes.ZERO_AFTER_MATURITY else self.cells.seen
        return _Filled(size, self.cells.total)

    def _extremes(self) -> tuple[_Filled, _Filled]:
        """The worst and the best for the challenger that what is missing may have been."""
        if self.policy.missing is not MissingOutcomes.BOUNDS:
            return self._as_seen(), self._as_seen()
        cells, missing = self.cells, self.cells.calls - self.cells.seen
        worst = _Filled(cells.calls, cells.total + missing * ~cells.challenger)
        return worst, _Filled(cells.calls, cells.total + missing * cells.challenger)

    def _difference(self, filled: _Filled, within: "Booleans | None" = None) -> Difference | None:
        return difference(self.cells, filled.size, filled.total, within)

    def _interval(self, best: Difference, level: float) -> tuple[float, float, float]:
        """Both ends, each with an error of `level`, and the two-sided p-value."""
        worst, luckiest = (self._difference(filled) or best for filled in self._extremes())
        left_out = self.in_both / (min(best.keys) + self.in_both)
        low = min(best.delta, worst.delta) - _half_width(worst, level) - left_out
        high = max(best.delta, luckiest.delta) + _half_width(luckiest, level) + left_out
        p_value = 2 * min(worst.p_value(left_out), 1 - luckiest.p_value(-left_out), 0.5)
        return max(-1.0, low), min(1.0, high), p_value

    def _silence(self) -> list[str]:
        if self.policy.missing is MissingOutcomes.ZERO_AFTER_MATURITY:
            return []
        half = self.cells.week >= self.weeks[len(self.weeks) // 2]
        at_random = self.policy.missing is MissingOutcomes.AT_RANDOM
        return doubts_about_silence(self.cells, (half, ~half), at_random=at_random)

    def _novelty(self, level: float, *, better: bool) -> list[str]:
        """Whether the later weeks alone say otherwise, or what was found fades."""
        count = len(self.weeks)
        if count == 1:
            return []
        sign, later = 1 if better else -1, max(1, count // FIRST)
        filled = self._extremes()[0 if better else 1]
        late = self._difference(filled, self.cells.week >= self.weeks[later])
        shown = late is not None and (late.p_value() if better else 1 - late.p_value()) <= self.policy.level
        for start in sorted({later, count // 2, count - 1}):
            after = self.cells.week >= self.weeks[start]
            first, last = self._difference(self._as_seen(), ~after), self._difference(self._as_seen(), after)
            if first is None or last is None:
                continue
            fades = replace(last, delta=sign * (first.delta - last.delta), influence=first.influence - last.influence)
            alone = self._difference(filled, after)
            still = alone is not None and (alone.p_value() if better else 1 - alone.p_value()) <= level
            if fades.p_value() <= DECAYS and not still:
                return [self._fading(first, last)]
        return [] if shown or late is None else [self._unshown(late)]

    def _fading(self, first: Difference, last: Difference) -> str:
        return Doubt.NOVELTY.because(
            f"{100 * first.delta:+.1f} points in the first weeks and {100 * last.delta:+.1f} in the last; wait until "
            "the later weeks show it alone"
        )

    def _unshown(self, late: Difference) -> str:
        return Doubt.NOVELTY.because(
            f"the later weeks alone, with {100 * late.delta:+.1f} points, do not show it; wait"
        )

    def _arm(self, version: str, best: Difference | None, *, challenger: bool) -> Arm:
        own = self.cells.challenger == challenger
        seen, calls = int(self.cells.seen[own].sum()), int(self.cells.calls[own].sum())
        mean = None if best is None else best.challenger if challenger else best.champion
        return Arm(
            version=version,
            calls=seen,
            keys=len(set(self.cells.unit[own & (self.cells.seen > 0)].tolist())),
            missing=calls - seen,
            mean_e6=None if mean is None else to_millionths(mean),
        )


def _delta_e6(found: Difference) -> int:
    """Of the means as they are stated, so that nobody who subtracts them finds another."""
    return to_millionths(found.challenger) - to_millionths(found.champion)


def _half_width(found: Difference, level: float) -> float:
    """Of the interval to one side."""
    from scipy.stats import t

    half = float(t.ppf(1 - level, found.freedom)) * found.se
    units = len(found.weight) // 2
    for arm, mean in enumerate((found.champion, found.challenger)):
        weight = found.weight[arm * units : (arm + 1) * units]
        alike = float(weight.sum() ** 2 / (weight**2).sum())  # keys, if all were of one size
        low, high = allowing_for_the_unseen(
            2 * mean - 1, groups=found.keys[arm], largest=found.keys[arm] / alike, alpha=2 * level
        )  # as a number in [-1, 1]
        half = max(half, mean - (low + 1) / 2, (high + 1) / 2 - mean)
    return half
