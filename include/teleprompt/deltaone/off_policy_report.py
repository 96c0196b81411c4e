"""What logged exploration showed of a candidate that nobody has served yet."""

from typing import Annotated

from pydantic import Field

from teleprompt.config.gate import Claim
from teleprompt.config.production import MissingOutcomes
from teleprompt.deltaone.trial_policy import Level
from teleprompt.deltaone.verdict import Verdict
from teleprompt.records import MILLION, Millionths, Record, to_millionths


class OffPolicyPolicy(Record):
    """What has to be shown; the defaults are those of a program file."""

    level: Level = 0.025
    """One-sided error of this one look: probability, at most, that a candidate without a gain is promoted by it, and
    that one without harm is rejected. Whoever looks again at more calls divides the level among the looks."""
    threshold: Annotated[float, Field(gt=0, lt=1)] = 0.01
    """Smallest gain worth having, as a score: 0.01 is one percentage point."""
    claim: Claim = Claim.SIGNIFICANT
    """`significant`: there is a gain, and the best guess of it is at least the threshold; `proven`: it is that much."""
    missing: MissingOutcomes = MissingOutcomes.BOUNDS
    """What calls without an outcome count for."""
    floor: Annotated[float, Field(gt=0, lt=1)] = 0.01
    """Below that propensity an answer was hardly ever tried, and a call that has it counts for more than a hundred."""
    most_below_floor: Annotated[float, Field(ge=0, lt=1)] = 0.05
    """Share of a program's own answers that may be below the floor."""
    least_effective: Annotated[int, Field(ge=2)] = 10
    """Effective number of keys behind either program's answers where the two differ; on fewer nothing is decided."""

    @property
    def threshold_e6(self) -> int:
        """The threshold in millionths."""
        return to_millionths(self.threshold)


class Estimate(Record):
    """A difference of mean outcomes with its interval; in [-1, 1] and in millionths, as far as it can be there."""

    delta_e6: Millionths
    ci_low_e6: Millionths
    ci_high_e6: Millionths


class Overlap(Record):
    """How much the logged answers tell of one program's, where the two programs differ."""

    version: str
    matched: int
    """Calls whose logged answer is this program's, and not the other's."""
    effective_keys: float
    """Keys of equal weight that would tell as much (Kish 1965)."""
    largest_weight_e6: Millionths
    """Of one key, as a share of all."""
    below_floor_e6: Millionths
    """Share of this program's answers with a propensity below the floor."""
    mean_weight: float
    """Of all calls where they differ; 1 on average if each of this program's answers had its chance, as logged."""
    mean_e6: Millionths | None
    """Mean outcome of this program over all calls (doubly robust); None where nothing can be estimated."""


class OffPolicyReport(Record):
    """The comparison of a candidate (`optimized`) with the champion (`baseline`) on what either would have answered."""

    verdict: Verdict
    evidence: Claim | None
    calls: int
    keys: int
    differ: int
    """Calls to which the two answer differently."""
    missing: int
    """Calls without an outcome."""
    baseline: Overlap
    optimized: Overlap
    delta_e6: Millionths
    """`optimized - baseline`, doubly robust; 0 where nothing can be estimated."""
    ci_low_e6: Millionths
    ci_high_e6: Millionths
    p_value_e6: Millionths
    self_normalised: Estimate
    """The same by self-normalised inverse propensities: no model of the outcome, and no verdict rests on it."""
    test: str = "off_policy_t"
    interval: str = "off_policy_unseen"
    threshold_e6: int
    alpha: float
    """Two-sided error of this one look."""
    missing_are: MissingOutcomes
    blocked: str | None = None
    """Why these calls decide nothing, whatever they say: a name for it, a colon, and what was found."""

    @property
    def overlap(self) -> str:
        """How much the calls tell of either program, in one sentence."""
        sides = [
            f"{one.matched} calls were given the answer of {one.version} (as much as {one.effective_keys:g} keys of "
            f"equal weight; largest weight {one.largest_weight_e6 / 1e4:.1f} %, mean weight {one.mean_weight:.2f}, "
            f"{one.below_floor_e6 / 1e4:.1f} % below the floor)"
            for one in (self.baseline, self.optimized)
        ]
        plain = self.self_normalised
        return (
            f"where they differ, {' and '.join(sides)}; self-normalised {plain.delta_e6 / 1e4:+.2f} points "
            f"[{plain.ci_low_e6 / 1e4:+.2f}, {plain.ci_high_e6 / 1e4:+.2f}]"
        )

    @property
    def reason(self) -> str:
        """The verdict in one sentence."""
        figures = (
            f"{self.delta_e6 / 1e4:+.2f} points [{self.ci_low_e6 / 1e4:+.2f}, {self.ci_high_e6 / 1e4:+.2f}] of the "
            f"outcome, estimated from {self.calls} calls with logged propensities of which {self.differ} are answered "
            f"differently, at a level of {self.alpha / 2:.4g}"
        )
        return f"{figures}: not decided, {self.blocked}." if self.blocked else f"{figures}: {self.verdict}."


def share_e6(value: float) -> int:
    """A share as millionths, held within [-1, 1]."""
    return max(-MILLION, min(MILLION, to_millionths(value)))
