"""A trial: a candidate against the champion of the moment, on fresh sealed examples, window after window.

The evidence adds up and may be looked at after every window. What is tested is that *no* window's mean gain is above 0
(`proven`: is at least the threshold): a candidate that is five points better for half a year and five worse for the
next is promoted, for it was better when it was looked at. Units count alike, however many examples they have.

A trial is a set of windows, folded in the order of their starts; the first crossing decides, and what comes after it
changes nothing. So retries, parallel runs and backfills in any order end in the same report. The promise about errors
is for that order: a window that fills a gap may change a decision, so wait for `gaps` before acting on one.
"""

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cached_property, partial, reduce

from teleprompt.config.gate import Claim
from teleprompt.config.outcome import Direction
from teleprompt.config.trial import Returning
from teleprompt.deltaone.betting import log_e, lower_bound_e6, mirrored
from teleprompt.deltaone.first_look import FirstLook, first_look
from teleprompt.deltaone.scores import check_scores
from teleprompt.deltaone.trial_policy import TrialPolicy
from teleprompt.deltaone.trial_report import EvidencePoint, Rejection, TrialReport
from teleprompt.deltaone.trial_windows import NamedWindow, gaps, named
from teleprompt.deltaone.units import add_cells, cell_width, common_unit, into_cells, sums_by_unit
from teleprompt.deltaone.verdict import Verdict
from teleprompt.records import MILLION
from teleprompt.window import Window


@dataclass(frozen=True)
class _Scored:
    """One window's differences: those of examples that are units of their own by value, the others by unit."""

    window: NamedWindow
    alone: Mapping[int, int]
    units: Mapping[str, tuple[int, int]]
    capped: int


@dataclass(frozen=True)
class _Fold:
    """The evidence of windows in order, up to a decision."""

    n: int = 0
    units: int = 0
    returned: int = 0
    capped: int = 0
    total: int = 0
    """Of the units' means, in millionths of 1 / `common_unit`."""
    weights: tuple[int, ...] = ()
    seen: frozenset[str] = frozenset()
    first: FirstLook | None = None
    most_log_e: float = 0.0
    """Before any bet the wealth is 1."""
    low_e6: int = -MILLION
    high_e6: int = MILLION
    verdict: Verdict = Verdict.INCONCLUSIVE
    path: tuple[EvidencePoint, ...] = ()


@dataclass(frozen=True)
class Trial:
    """Paired scores of a candidate and its baseline, by window, and what they show."""

    policy: TrialPolicy = field(default_factory=TrialPolicy)
    _windows: tuple[_Scored, ...] = field(default=(), repr=False)
    _folded: tuple[int, _Fold] = field(default=(0, _Fold()), repr=False, compare=False)
    """How many of the first windows are folded already, and their fold."""

    def add(
        self,
        baseline: Sequence[int],
        optimized: Sequence[int],
        groups: Sequence[str] | None = None,
        *,
        window: str | Window,
    ) -> "Trial":
        """The trial with one more window: scores in millionths of both programs on the same examples in the same order.

        Examples of one of the `groups` are one unit; by default each is its own. Names of groups hold for the whole
        trial. `window` is `start/end` in ISO 8601, or any name (then numbers in it are ordered by value). A window that
        the trial has keeps its scores, whatever a retry found; windows after the decision change nothing.

        Raises:
            TelepromptError: no example, unequal lengths, or a score that is no whole number in [0, 1,000,000].
        """
        check_scores(baseline, optimized, groups)
        new = named(str(window))
        at = bisect_left(self._windows, new.order, key=lambda known: known.window.order)
        if at < len(self._windows) and self._windows[at].window.order == new.order:
            return self
        scored = _scored(baseline, optimized, groups, window=new, policy=self.policy)
        windows = (*self._windows[:at], scored, *self._windows[at:])
        if at == len(self._windows):
            return Trial(self.policy, windows, (at, self._fold))
        return Trial(self.policy, windows, self._folded if self._folded[0] <= at else (0, _Fold()))

    @property
    def windows(self) -> tuple[str, ...]:
        """Names of the windows, in order; those after the decision, too."""
        return tuple(scored.window.name for scored in self._windows)

    @cached_property
    def _fold(self) -> _Fold:
        count, fold = self._folded
        return reduce(partial(_with, policy=self.policy), self._windows[count:], fold)

    @cached_property
    def report(self) -> TrialReport:
        """What the windows show, up to the first of them at which the trial was decided."""
        used = self._windows[: len(self._fold.path)]
        return _report(self._fold, self.policy, missing=gaps(scored.window for scored in used))


def _scored(
    baseline: Sequence[int],
    optimized: Sequence[int],
    groups: Sequence[str] | None,
    *,
    window: NamedWindow,
    policy: TrialPolicy,
) -> _Scored:
    sign = 1 if policy.direction is Direction.HIGHER else -1
    gains = [sign * (after - before) for before, after in zip(baseline, optimized, strict=True)]
    if groups is None:
        return _Scored(window, Counter(gains), {}, 0)
    units = sums_by_unit(gains, groups, cap=policy.group_cap)
    return _Scored(window, {}, units, len(gains) - sum(size for _, size in units.values()))


def _with(fold: _Fold, scored: _Scored, policy: TrialPolicy) -> _Fold:
    """The fold with one more window; unchanged if it is decided."""
    if fold.verdict is not Verdict.INCONCLUSIVE or len(fold.path) == policy.horizon:
        return fold
    opening = not fold.path
    unit = common_unit(policy.group_cap)
    fresh = scored.units
    if policy.returning is Returning.LEFT_OUT and fold.seen:
        fresh = {label: found for label, found in fresh.items() if label not in fold.seen}
    means = Counter(total * (unit // size) for total, size in fresh.values())
    means.update({gain * unit: count for gain, count in scored.alone.items()})
    used = sum(size for _, size in fresh.values())
    there = sum(size for _, size in scored.units.values())
    alone = sum(scored.alone.values())
    single = used == len(fresh)
    fold = replace(
        fold,
        n=fold.n + used + alone,
        units=fold.units + len(fresh) + alone,
        returned=fold.returned + there - used,
        capped=fold.capped + scored.capped,
        total=fold.total + sum(mean * count for mean, count in means.items()),
        weights=add_cells(fold.weights, into_cells(means.items(), unit=unit)),
        seen=fold.seen.union(fresh) if fresh and policy.returning is Returning.LEFT_OUT else fold.seen,
        first=_first_look(means, unit * MILLION, policy) if opening and single else fold.first,
    )
    return _judged(fold, scored.window.name, policy)


def _first_look(means: Counter[int], one: int, policy: TrialPolicy) -> FirstLook | None:
    """The exact test, where the opening window allows it: each unit is one example that was won, lost or neither."""
    if not policy.first_look_share or means.keys() - {-one, 0, one}:
        return None
    return first_look(
        wins=means[one], losses=means[-one], pairs=means.total(), null_e6=policy.null_e6, error=policy.first_error
    )


def _judged(fold: _Fold, window: str, policy: TrialPolicy) -> _Fold:
    """The fold with evidence, interval and verdict after a window was added."""
    width = cell_width(common_unit(policy.group_cap))
    weights = [weight / width for weight in fold.weights]
    evidence = log_e(weights, null_e6=policy.null_e6)
    low_e6 = lower_bound_e6(weights, boundary=policy.boundary, known_e6=fold.low_e6)
    if fold.first and not fold.path:
        low_e6 = max(low_e6, fold.first.low_e6)
    high_e6 = -lower_bound_e6(mirrored(weights), boundary=policy.harm_boundary, known_e6=-fold.high_e6)
    mean_e6 = Fraction(fold.total, fold.units * common_unit(policy.group_cap)) if fold.units else Fraction(0)
    if low_e6 > policy.null_e6 and mean_e6 >= policy.threshold_e6:
        verdict = Verdict.PROMOTE
    elif high_e6 < policy.threshold_e6:
        verdict = Verdict.REJECT
    else:
        verdict = Verdict.INCONCLUSIVE
    point = EvidencePoint(
        window=window,
        n=fold.n,
        delta_e6=round(mean_e6),
        log_e=round(evidence, 6),
        ci_low_e6=min(low_e6, high_e6),
        ci_high_e6=high_e6,
    )
    return replace(
        fold,
        most_log_e=max(fold.most_log_e, evidence),
        low_e6=low_e6,
        high_e6=high_e6,
        verdict=verdict,
        path=(*fold.path, point),
    )


def _report(fold: _Fold, policy: TrialPolicy, *, missing: tuple[str, ...]) -> TrialReport:
    last = fold.path[-1] if fold.path else None
    low_e6, high_e6 = (last.ci_low_e6, last.ci_high_e6) if last else (-MILLION, MILLION)
    p_value = math.exp(-fold.most_log_e) / (1 - policy.first_look_share)
    if fold.first:
        p_value = min(p_value, fold.first.p_value / policy.first_look_share)
    evidence = None
    if fold.units and low_e6 > 0 and fold.total >= policy.threshold_e6 * fold.units * common_unit(policy.group_cap):
        evidence = Claim.PROVEN if low_e6 >= policy.threshold_e6 else Claim.SIGNIFICANT
    rejected_for = None
    if fold.verdict is Verdict.REJECT:
        rejected_for = Rejection.HARM if high_e6 < 0 else Rejection.FUTILITY
    return TrialReport(
        verdict=fold.verdict,
        rejected_for=rejected_for,
        evidence=evidence,
        expired=fold.verdict is Verdict.INCONCLUSIVE and len(fold.path) == policy.horizon,
        policy=policy,
        windows=len(fold.path),
        n=fold.n,
        n_groups=fold.units,
        n_returned=fold.returned,
        n_capped=fold.capped,
        delta_e6=last.delta_e6 if last else 0,
        ci_low_e6=low_e6,
        ci_high_e6=high_e6,
        p_value_e6=math.ceil(min(1.0, p_value) * MILLION),
        first_p_value_e6=math.ceil(fold.first.p_value * MILLION) if fold.first else None,
        log_e=last.log_e if last else 0.0,
        boundary=round(policy.boundary, 6),
        path=fold.path,
        gaps=missing,
    )
