"""What production showed of a version, as one record that explains itself."""

from typing import Any

from pydantic import AwareDatetime, model_validator

from teleprompt.config.gate import Claim
from teleprompt.config.production import MissingOutcomes
from teleprompt.deltaone.report import Verdict
from teleprompt.records import Millionths, Record
from teleprompt.window import Window


class Arm(Record):
    """What one version's calls came to."""

    version: str
    calls: int
    """With an outcome."""
    keys: int
    """Distinct keys of these calls."""
    missing: int
    """Mature calls without an outcome."""
    mean_e6: Millionths | None


class OnlineReport(Record):
    """The comparison of a version (`optimized`) with the one before or beside it (`baseline`)."""

    verdict: Verdict
    evidence: Claim | None
    baseline: Arm
    optimized: Arm
    delta_e6: Millionths
    """`optimized - baseline`; 0 where one of them has no outcome yet."""
    ci_low_e6: Millionths
    ci_high_e6: Millionths
    p_value_e6: Millionths
    test: str
    interval: str
    threshold_e6: int
    alpha: float
    weeks: int | None = None
    """Whole weeks that count; None of calls that were made at different times."""
    keys_in_both: int | None = None
    """Keys that do not count, as both versions answered them at one share."""
    missing_are: MissingOutcomes = MissingOutcomes.AT_RANDOM
    """What calls without an outcome count for."""
    blocked: str | None = None
    """Why the outcomes decide nothing, whatever they say: a name for it, a colon, and what was found."""

    @model_validator(mode="before")
    @classmethod
    def _of_an_earlier_version(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        data = dict(data)
        if data.pop("missing_unequally", False):
            data["blocked"] = ["silence_differs"]
        if isinstance(data.get("blocked"), (list, tuple)):
            data["blocked"] = "; ".join(data["blocked"]) or None
        return data

    def undecided(self, why: str) -> "OnlineReport":
        """The same figures, which decide nothing, for that reason beside those there are."""
        blocked = f"{self.blocked}; {why}" if self.blocked else why
        return self.model_copy(update={"verdict": Verdict.INCONCLUSIVE, "evidence": None, "blocked": blocked})

    @property
    def is_futile(self) -> bool:
        """Whether a gain of the threshold is as good as ruled out, though nothing else is shown."""
        return self.blocked is None and self.ci_high_e6 < self.threshold_e6

    @property
    def reason(self) -> str:
        """The verdict in one sentence."""
        figures = (
            f"{self.delta_e6 / 1e4:+.2f} points [{self.ci_low_e6 / 1e4:+.2f}, {self.ci_high_e6 / 1e4:+.2f}] between "
            f"{self.optimized.calls} calls of {self.optimized.version} and {self.baseline.calls} of "
            f"{self.baseline.version}"
        )
        return f"{figures}: not decided, {self.blocked}." if self.blocked else f"{figures}: {self.verdict}."


class OnlineDecision(Record):
    """A report, the time that it is about, and when it was made; frozen, so that a retry attests the same."""

    report: OnlineReport
    observed: Window
    decided_at: AwareDatetime
