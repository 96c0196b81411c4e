"""What a trial has found so far, as one record that explains itself."""

from enum import StrEnum

from teleprompt.config.gate import Claim
from teleprompt.deltaone.trial_policy import TrialPolicy
from teleprompt.deltaone.verdict import Verdict
from teleprompt.records import Millionths, Record


class Rejection(StrEnum):
    """Why a trial rejects."""

    HARM = "harm"
    """The change is for the worse."""
    FUTILITY = "futility"
    """Whatever it is, it is less than the threshold."""
    GUARDRAIL = "guardrail"
    """There is a gain, but something else got worse than is tolerated."""


class EvidencePoint(Record):
    """The evidence after one window."""

    window: str
    n: int
    """Examples so far."""
    delta_e6: Millionths
    log_e: float
    ci_low_e6: Millionths
    ci_high_e6: Millionths


class TrialReport(Record):
    """Evidence of all windows up to the decision; differences of scores are millionths, and a gain is positive."""

    verdict: Verdict
    """`inconclusive` while the trial goes on, and when it has expired."""
    rejected_for: Rejection | None = None
    evidence: Claim | None = None
    """The strongest claim that was shown."""
    expired: bool = False
    """Whether the horizon was reached without a decision."""
    policy: TrialPolicy
    windows: int
    """Up to the decision."""
    n: int
    """Examples that count."""
    n_groups: int
    """Observations: units, once for each window in which they count."""
    n_returned: int
    """Examples that do not count, as their unit was there in an earlier window."""
    n_capped: int
    """Examples that do not count, as their unit has more than `group_cap`."""
    delta_e6: Millionths
    """Mean gain of the units, each with the mean of its examples; rounded once. At the moment of a promotion it is
    higher than the truth on average."""
    ci_low_e6: Millionths
    """With `level`, no true gain was ever below: this is what may be paid for."""
    ci_high_e6: Millionths
    p_value_e6: Millionths
    """Anytime-valid, of the null hypothesis that belongs to the claim; rounded up."""
    first_p_value_e6: Millionths | None = None
    """Of the opening window's exact test; None where it had none (scores other than 0 and 1, or units of several)."""
    log_e: float
    """Natural logarithm of the evidence after the last window."""
    boundary: float
    """The `log_e` that promotes."""
    path: tuple[EvidencePoint, ...] = ()
    """The evidence after each window."""
    gaps: tuple[str, ...] = ()
    """Times between these windows of which there are no scores. Who acts on a verdict should wait until they are
    filled, or given up: of years without a gain that are backfilled backwards, and acted on at once, 8 % promote."""

    @property
    def decided(self) -> bool:
        """Whether further windows change nothing."""
        return self.expired or self.verdict is not Verdict.INCONCLUSIVE

    @property
    def reason(self) -> str:
        """The verdict in one sentence."""
        return self.reason_on("sealed examples")

    def reason_on(self, examples: str) -> str:
        """The verdict in one sentence that calls the examples so: whoever sealed none has to say less."""
        if not self.windows:
            return "The trial has no window yet."
        units = "" if self.n == self.n_groups else f" of {self.n_groups} units"
        figures = (
            f"{self.delta_e6 / 1e4:+.2f} points [{self.ci_low_e6 / 1e4:+.2f}, {self.ci_high_e6 / 1e4:+.2f}] on "
            f"{self.n} {examples}{units} in {self.windows} window{'' if self.windows == 1 else 's'}"
        )
        threshold = self.policy.threshold_in_words
        match self.verdict, self.rejected_for:
            case Verdict.PROMOTE, _:
                shown = "a gain of" if self.evidence is Claim.PROVEN else "a gain; best guess"
                return f"{figures}: {shown} at least {threshold}, {self.evidence}."
            case Verdict.REJECT, Rejection.HARM:
                return f"{figures}: harm, the whole interval lies below 0."
            case Verdict.REJECT, _:
                return f"{figures}: futility, the whole interval lies below {threshold}."
            case _ if self.expired:
                return f"{figures}: expired, not decided within {self.policy.horizon} windows."
            case _:
                return f"{figures}: not decided, the trial goes on ({self._missing})."

    @property
    def _missing(self) -> str:
        if self.p_value_e6 <= self.policy.level * 1e6 and self.delta_e6 < self.policy.threshold_e6:
            return f"a gain, but the best guess of it is below {self.policy.threshold_in_words}"
        return f"evidence {self.log_e:.2f} of {self.boundary:.2f}"
