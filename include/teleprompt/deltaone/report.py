"""What the gate found, as one record that explains itself."""

from typing import Annotated

from pydantic import Field

from teleprompt.config.gate import Claim
from teleprompt.config.outcome import Direction
from teleprompt.deltaone.trial_report import TrialReport
from teleprompt.deltaone.verdict import Verdict
from teleprompt.records import MILLION, Millionths, Record

__all__ = ["GatePolicy", "GateReport", "GuardrailCheck", "Verdict"]


class GatePolicy(Record):
    """What has to be shown."""

    threshold_e6: Annotated[int, Field(gt=0, lt=MILLION)]
    claim: Claim
    alpha: Annotated[float, Field(gt=0, lt=0.5)]
    """Two-sided error of this one look; the interval covers 1 - alpha."""
    direction: Direction = Direction.HIGHER
    """Which scores are better."""


class GuardrailCheck(Record):
    """One guardrail: what must not get worse by more than was tolerated. Values are millionths of the unit."""

    metric: str
    direction: Direction
    baseline_e6: int | None
    """Mean over the examples that both programs answered; None where a value is missing."""
    optimized_e6: int | None
    limit_e6: int | None
    """The worst value of the optimized program that is tolerated."""
    missing: int
    """Answers without a value."""
    holds: bool
    of_the_year: bool = False
    """Whether `baseline_e6` is that of the version before the year's promotions, and their changes are counted in."""

    @property
    def reason(self) -> str:
        """What was found, in a few words."""
        if self.missing or self.baseline_e6 is None or self.optimized_e6 is None or self.limit_e6 is None:
            return (
                f"{self.metric} is missing on {self.missing} answers" if self.missing else f"{self.metric} is missing"
            )
        figures = f"{self.metric} {self.baseline_e6 / MILLION:g} -> {self.optimized_e6 / MILLION:g}"
        relation = {Direction.LOWER: "at most", Direction.HIGHER: "at least"}[self.direction]
        since = " since the version of a year ago" if self.of_the_year else ""
        return f"{figures}{since}, {relation} {self.limit_e6 / MILLION:g} is tolerated"


class GateReport(Record):
    """The verdict with everything that it rests on. Scores and differences are millionths."""

    verdict: Verdict
    evidence: Claim | None
    """The strongest claim that was shown."""
    policy: GatePolicy
    n: int
    n_groups: int
    """Independent groups that the examples belong to."""
    baseline_e6: Millionths
    optimized_e6: Millionths
    delta_e6: Millionths
    """By how much the optimized program is better; the number that is compared with the threshold and attested."""
    ci_low_e6: Millionths
    ci_high_e6: Millionths
    p_value_e6: Millionths
    test: str
    interval: str
    wins: int
    losses: int
    ties: int
    sd_e6: int
    """Standard deviation of independent differences that would be as uncertain."""
    mde_e6: int
    """Difference that so many pairs would show with 80 % power."""
    examples_needed: int
    """Further pairs for 80 % power to see the larger of the threshold and the measured gain; if the claim is `proven`,
    to see that the measured gain is above the threshold."""
    guardrails: tuple[GuardrailCheck, ...] = ()
    trial: TrialReport | None = None
    """Where the evidence adds up over windows: what was found until now; the figures above are of all its windows."""
    pending: str | None = None
    """Why a trial that would be decided by these figures is not decided by this run."""

    @property
    def discordance_e6(self) -> int:
        """Share of the pairs whose scores differ, in millionths."""
        return round((self.wins + self.losses) * MILLION / self.n)

    @property
    def breaches(self) -> tuple[GuardrailCheck, ...]:
        """The guardrails that do not hold."""
        return tuple(check for check in self.guardrails if not check.holds)

    @property
    def room_e6(self) -> int:
        """What the baseline leaves to gain."""
        return MILLION - self.baseline_e6 if self.policy.direction is Direction.HIGHER else self.baseline_e6

    @property
    def reason(self) -> str:
        """The verdict in one sentence."""
        return self.reason_on("sealed examples")

    def reason_on(self, examples: str) -> str:
        """The verdict in one sentence that calls the examples so: whoever sealed none has to say less."""
        figures = (
            f"{self.delta_e6 / 1e4:+.2f} points [{self.ci_low_e6 / 1e4:+.2f}, {self.ci_high_e6 / 1e4:+.2f}] "
            f"on {self.n} {examples}"
        )
        if self.breaches and self.verdict is Verdict.REJECT:
            return f"{figures}: a guardrail does not hold ({'; '.join(check.reason for check in self.breaches)})."
        if self.trial is not None:
            return self.trial.reason_on(examples) if self.pending is None else f"{figures}: {self.pending}."
        if self.pending is not None:
            return f"{figures}: {self.pending}."
        threshold = f"{self.policy.threshold_e6 / 1e4:g} point{'' if self.policy.threshold_e6 == 10_000 else 's'}"
        match self.verdict:
            case Verdict.PROMOTE:
                shown = "a gain of" if self.evidence is Claim.PROVEN else "a gain; best guess"
                return f"{figures}: {shown} at least {threshold}, {self.evidence}."
            case Verdict.REJECT:
                return f"{figures}: the whole interval lies below {threshold}."
            case Verdict.INCONCLUSIVE if self.room_e6 < self.policy.threshold_e6:
                left = f"{self.room_e6 / 1e4:.2g} points"
                return f"{figures}: not decided; on these examples the baseline leaves {left} to gain."
            case Verdict.INCONCLUSIVE if self.ties == self.n:
                return f"{figures}: not decided; both programs scored alike on every example."
            case Verdict.INCONCLUSIVE if self.examples_needed == 0:
                return f"{figures}: not decided; the change is too close to {threshold} to tell on which side it lies."
            case Verdict.INCONCLUSIVE:
                return f"{figures}: not decided; about {self.examples_needed} more examples would be needed."

    def guarded_by(self, checks: tuple[GuardrailCheck, ...]) -> "GateReport":
        """The report under guardrails: one that does not hold rejects, whatever was gained."""
        verdict = self.verdict if all(check.holds for check in checks) else Verdict.REJECT
        return self.model_copy(update={"guardrails": checks, "verdict": verdict})
