"""Would a candidate do better in production: a pure function of calls in which chance chose among the answers.

One look, at the level that the policy names. Keys are the independent units. The interval is Student's around the
doubly robust estimate, with each key left out in turn for its variance and as many degrees of freedom as keys carry it;
it is never narrower than what so few effective keys may leave unseen. How far calls without an outcome can move it is
added to it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from teleprompt.config.production import MissingOutcomes
from teleprompt.deltaone.off_policy import (
    Difference,
    Weights,
    doubly_robust,
    effective,
    mean_weight,
    self_normalised,
)
from teleprompt.deltaone.off_policy_calls import ExploredCall, ExploredColumns, columns_of
from teleprompt.deltaone.off_policy_report import Estimate, OffPolicyPolicy, OffPolicyReport, Overlap, share_e6
from teleprompt.deltaone.paired import unseen
from teleprompt.deltaone.strata import ROUNDING
from teleprompt.deltaone.verdict import Verdict, evidence_of, verdict_of
from teleprompt.records import to_millionths

if TYPE_CHECKING:
    from teleprompt.deltaone.off_policy_calls import Booleans, Floats

UNLIKELY_WEIGHT = 0.01
"""From here on, chance does not explain that a program's weights do not add up to the calls."""
MISSING_UNLIKELY = 0.01
"""From here on, outcomes are missing unequally."""


class Doubt(StrEnum):
    """Why logged answers decide nothing of others."""

    PROPENSITIES_NOT_LOGGED = "propensities_not_logged"
    IMPOSSIBLE_PROPENSITY = "impossible_propensity"
    NO_OVERLAP = "no_overlap"
    HARDLY_TRIED = "hardly_tried"
    FEW_EFFECTIVE = "few_effective"
    WEIGHTS_DO_NOT_ADD_UP = "weights_do_not_add_up"
    SILENCE_DIFFERS = "silence_differs"

    def because(self, why: str) -> str:
        """With what was found, and what to do."""
        return f"{self}: {why}"


def decide_off_policy(
    calls: Sequence[ExploredCall],
    policy: OffPolicyPolicy,
    *,
    versions: tuple[str, str] = ("champion", "candidate"),
) -> OffPolicyReport:
    """What calls with logged propensities show of a candidate beside the champion, of which neither need have answered.

    `promote`: the interval is above 0 (`significant`) or above the threshold (`proven`), and the estimate at least the
    threshold. `reject`: the interval is below 0. Nothing is decided, and `blocked` says why, where propensities are not
    logged, the answers of either program were not tried often enough, or the weights show that the propensities are not
    those by which answers were chosen.

    Raises:
        TelepromptError: a propensity or an outcome is no number in [0, 1].
    """
    return _Look.of(columns_of(calls), policy).report(versions)


@dataclass(frozen=True, slots=True)
class _Look:
    policy: OffPolicyPolicy
    columns: ExploredColumns
    weights: Weights
    logged: tuple[str, ...]
    """What speaks against the propensities themselves; then there are no weights to speak of."""

    @classmethod
    def of(cls, columns: ExploredColumns, policy: OffPolicyPolicy) -> "_Look":
        import numpy as np

        n, unlogged = len(columns.unit), np.isnan(columns.propensity)
        never = columns.propensity == 0
        doubts = []
        if unlogged.any() or not n:
            doubts.append(
                Doubt.PROPENSITIES_NOT_LOGGED.because(
                    f"{unlogged.sum()} of {n} calls do not say how probable their answer was; serve with `explore` and "
                    "give calls of the time since"
                )
            )
        if never.any():
            doubts.append(
                Doubt.IMPOSSIBLE_PROPENSITY.because(
                    f"{never.sum()} calls say that their answer had no chance, and it was given; log the probability "
                    "by which it was drawn"
                )
            )
        return cls(policy, columns, Weights.of(columns) if not doubts else _no_weights(n), tuple(doubts))

    def report(self, versions: tuple[str, str]) -> OffPolicyReport:
        weights, policy = self.weights, self.policy
        doubts, low, high, p_value, evidence = list(self.logged), -1.0, 1.0, 1.0, None
        best = plain = None
        verdict = Verdict.INCONCLUSIVE
        if not doubts:
            doubts = self._doubts(versions)
            best, plain = (
                estimate(self.columns, weights, *self._as_seen()) for estimate in (doubly_robust, self_normalised)
            )
            low, high, p_value = self._interval(best)
            evidence = evidence_of(
                delta_e6=_delta_e6(best),
                low_e6=to_millionths(low),
                p_value=p_value,
                threshold_e6=policy.threshold_e6,
                alpha=2 * policy.level,
            )
            verdict = verdict_of(evidence, high_e6=to_millionths(high), threshold_e6=0, claim=policy.claim)
        if doubts:
            evidence, verdict = None, Verdict.INCONCLUSIVE
        return OffPolicyReport(
            verdict=verdict,
            evidence=evidence,
            calls=len(self.columns.unit),
            keys=len(set(self.columns.unit.tolist())),
            differ=int((self.columns.champion != self.columns.candidate).sum()),
            missing=int(self.columns.missing.sum()),
            baseline=self._overlap(versions[0], weights.champion, None if best is None else best.means[0]),
            optimized=self._overlap(versions[1], weights.candidate, None if best is None else best.means[1]),
            delta_e6=0 if best is None else _delta_e6(best),
            ci_low_e6=to_millionths(low),
            ci_high_e6=to_millionths(high),
            p_value_e6=to_millionths(p_value),
            self_normalised=self._estimate(plain),
            threshold_e6=policy.threshold_e6,
            alpha=2 * policy.level,
            missing_are=policy.missing,
            blocked="; ".join(doubts) or None,
        )

    def _as_seen(self) -> "tuple[Floats, Booleans]":
        """Outcomes, and of which calls they are known; missing ones are like those that came, or 0."""
        import numpy as np

        if self.policy.missing is MissingOutcomes.ZERO_AFTER_MATURITY:
            return self.columns.outcome, np.ones(len(self.columns.outcome), bool)
        return self._reweighted() if self.policy.missing is MissingOutcomes.AT_RANDOM else self._bounded(0.5, 0.5)

    def _reweighted(self) -> "tuple[Floats, Booleans]":
        return self.columns.outcome, ~self.columns.missing

    def _bounded(self, of_champion: float, of_candidate: float) -> "tuple[Floats, Booleans]":
        """What is missing filled in by whose answer it was."""
        import numpy as np

        columns = self.columns
        filled = np.where(columns.answer == columns.candidate, of_candidate, of_champion)
        return np.where(columns.missing, filled, columns.outcome), np.ones(len(columns.outcome), bool)

    def _interval(self, best: Difference) -> tuple[float, float, float]:
        """Both ends, each with an error of the level, and the two-sided p-value."""
        worst = luckiest = best
        if self.policy.missing is MissingOutcomes.BOUNDS and self.columns.missing.any():
            worst = doubly_robust(self.columns, self.weights, *self._bounded(1, 0))
            luckiest = doubly_robust(self.columns, self.weights, *self._bounded(0, 1))
        low = min(best.delta, worst.delta) - self._half_width(worst, better=False)
        high = max(best.delta, luckiest.delta) + self._half_width(luckiest, better=True)
        p_value = 2 * min(_p_value(worst), 1 - _p_value(luckiest), 0.5)
        return max(-1.0, low), min(1.0, high), p_value

    def _half_width(self, found: Difference, *, better: bool) -> float:
        """Of the interval to one side."""
        from scipy.stats import t

        half = float(t.ppf(1 - self.policy.level, found.freedom)) * found.se
        for weight, mean, up in (
            (self.weights.candidate, found.candidate, better),
            (self.weights.champion, found.champion, not better),
        ):
            keys, _ = effective(weight, self.weights.size, self.columns.unit)
            missed = unseen(groups=max(1, int(keys)), alpha=2 * self.policy.level)
            room = min(1.0, max(0.0, 1 - mean if up else mean))
            half = max(half, found.differ * missed * room)
        return half

    def _doubts(self, versions: tuple[str, str]) -> list[str]:
        weights, policy = self.weights, self.policy
        if not weights.differ.any():
            return []
        doubts = []
        sides = list(zip(versions, (weights.champion, weights.candidate), strict=True))
        never = [version for version, weight in sides if not weight.any()]
        if never:
            return [
                Doubt.NO_OVERLAP.because(
                    f"where the two differ nobody was ever given the answer of {' and '.join(never)}; let `explore` "
                    "draw from all answers that are allowed"
                )
            ]
        for version, weight in sides:
            below, (keys, largest) = self._below_floor(weight), effective(weight, weights.size, self.columns.unit)
            if below > policy.most_below_floor:
                doubts.append(
                    Doubt.HARDLY_TRIED.because(
                        f"{100 * below:.0f} % of the answers of {version} had a propensity below {policy.floor:g}; "
                        "explore more"
                    )
                )
            if keys < policy.least_effective:
                doubts.append(
                    Doubt.FEW_EFFECTIVE.because(
                        f"the calls that were given the answer of {version} tell as much as {keys:.0f} keys of equal "
                        f"weight, of which {policy.least_effective} are needed, and one has {100 * largest:.0f} % of "
                        "the weight; wait for more calls, or explore more"
                    )
                )
        if not doubts:
            doubts += [one for version, weight in sides for one in self._adding_up(version, weight)]
        return doubts + self._silence()

    def _adding_up(self, version: str, weight: "Floats") -> list[str]:
        """Whether each of the program's answers had the chance that was logged."""
        from scipy.special import ndtr

        mean, se = mean_weight(weight, self.weights, self.columns.unit)
        p = 2 * float(ndtr(-abs(mean - 1) / max(se, ROUNDING)))
        if p >= UNLIKELY_WEIGHT:
            return []
        return [
            Doubt.WEIGHTS_DO_NOT_ADD_UP.because(
                f"where the two differ, the calls with the answer of {version} stand for {mean:.2f} of what they "
                "should; part of its answers had no chance, or the propensities are not those by which answers were "
                "drawn"
            )
        ]

    def _silence(self) -> list[str]:
        """Whether outcomes are missing more often of one program's answers."""
        import numpy as np

        missing = self.columns.missing
        if not missing.any() or self.policy.missing is MissingOutcomes.ZERO_AFTER_MATURITY:
            return []
        found = doubly_robust(self.columns, self.weights, missing.astype(float), np.ones(len(missing), bool))
        p = 2 * min(_p_value(found), 1 - _p_value(found))
        if p >= MISSING_UNLIKELY:
            return []
        return [
            Doubt.SILENCE_DIFFERS.because(
                f"{100 * found.candidate:.1f} % of the outcomes of the candidate's answers are missing and "
                f"{100 * found.champion:.1f} % of the champion's; log the outcomes of all answers alike"
            )
        ]

    def _below_floor(self, weight: "Floats") -> float:
        """The share of a program's answers that had less than the floor, by inverse propensities."""
        own = weight * self.weights.size
        return float(own[self.columns.propensity < self.policy.floor].sum() / own.sum())

    def _overlap(self, version: str, weight: "Floats", mean_outcome: float | None) -> Overlap:
        keys, largest = effective(weight, self.weights.size, self.columns.unit)
        mean = mean_weight(weight, self.weights, self.columns.unit)[0] if keys else 0.0
        return Overlap(
            version=version,
            matched=int((weight > 0).sum()),
            effective_keys=round(keys, 1),
            largest_weight_e6=share_e6(largest),
            below_floor_e6=share_e6(self._below_floor(weight)) if keys else 0,
            mean_weight=round(mean, 3),
            mean_e6=None if mean_outcome is None else share_e6(mean_outcome),
        )

    def _estimate(self, found: Difference | None) -> Estimate:
        from scipy.stats import t

        if found is None:
            return Estimate(delta_e6=0, ci_low_e6=-1_000_000, ci_high_e6=1_000_000)
        half = float(t.ppf(1 - self.policy.level, found.freedom)) * found.se
        return Estimate(
            delta_e6=share_e6(found.delta),
            ci_low_e6=share_e6(found.delta - half),
            ci_high_e6=share_e6(found.delta + half),
        )


def _delta_e6(found: Difference) -> int:
    """Of the means as they are stated, so that nobody who subtracts them finds another."""
    champion, candidate = found.means
    return to_millionths(candidate) - to_millionths(champion)


def _no_weights(n: int) -> Weights:
    import numpy as np

    return Weights(np.ones(n), np.zeros(n, bool), *(np.zeros(n) for _ in range(3)))


def _p_value(found: Difference) -> float:
    """One-sided, of a candidate that is no better."""
    from scipy.stats import t

    if found.se < ROUNDING:
        return 0.5
    return float(t.sf(found.delta / found.se, found.freedom))
