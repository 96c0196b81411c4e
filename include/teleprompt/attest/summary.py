"""What a document says, in one place: for who verifies it."""

from typing import Literal, Self

from teleprompt.attest.document import Attestation, headline_metric
from teleprompt.config.promotion import COMPARED, PromoteOn
from teleprompt.records import MILLION, Digest, Record, to_millionths


class TrialSummary(Record):
    """The trial that the evidence added up in."""

    trial_id: Digest
    number: int
    """Which of its year."""
    windows: int
    level_e6: int
    """Probability, at most, that it promotes a candidate without a gain."""
    relatives: int = 0
    """Trials of the same year of programs with another name and the same code."""


class Summary(Record):
    """Who gained how much, shown by what. Differences of scores are millionths."""

    program: str
    baseline_version: str
    optimized_version: str
    decided_at: str
    """The document's timestamp."""
    metric: str
    delta_e6: int
    compared: PromoteOn | None
    """What the gain is of; None where the document does not say."""
    evidence: Literal["offline", "online", "none"]
    """`none`: nothing in the document backs the gain, whoever signed it."""
    claim: Literal["significant", "proven"] | None = None
    ci_low_e6: int | None = None
    """The lower end of the gain; None without evidence, as what follows."""
    ci_high_e6: int | None = None
    confidence_e6: int | None = None
    p_value_e6: int | None = None
    test: str | None = None
    examples: int | None = None
    """Sealed examples, or calls of both versions."""
    trial: TrialSummary | None = None

    @classmethod
    def of(cls, attestation: Attestation) -> Self:
        """The summary of a document."""
        info, evidence = attestation.model_info, attestation.evidence
        said = cls(
            program=info.model_id,
            baseline_version=info.baseline_version,
            optimized_version=info.optimized_version,
            decided_at=attestation.timestamp,
            metric=headline_metric(attestation),
            delta_e6=to_millionths(attestation.performance.performance_delta),
            compared=None,
            evidence="none",
        )
        if evidence is None:
            return said
        trial = evidence.trial if evidence.kind == "offline" else None
        examples = evidence.n if evidence.kind == "offline" else evidence.n_baseline + evidence.n_optimized
        return said.model_copy(
            update={
                "compared": evidence.compared and PromoteOn(evidence.compared)
                if evidence.kind == "offline"
                else PromoteOn.OUTCOME,
                "evidence": evidence.kind,
                "claim": evidence.claim,
                "ci_low_e6": evidence.ci_low_e6,
                "ci_high_e6": evidence.ci_high_e6,
                "confidence_e6": evidence.confidence_e6,
                "p_value_e6": evidence.p_value_e6,
                "test": evidence.test,
                "examples": examples,
                "trial": trial and TrialSummary.model_validate(trial.model_dump(exclude={"opened"})),
            }
        )

    def lines(self) -> list[tuple[str, str]]:
        """Name and text of each thing that it says, for people."""
        gain = f"{self.delta_e6 / 10_000:+.2f} points of {self.metric}"
        lines = [
            ("program", f"{self.program}, {self.baseline_version} -> {self.optimized_version}"),
            ("decided", self.decided_at),
        ]
        if self.ci_low_e6 is None or self.ci_high_e6 is None or self.confidence_e6 is None or self.p_value_e6 is None:
            return [*lines, ("gain", f"{gain}, as somebody says"), ("evidence", "none: nothing backs the gain")]
        if self.compared is not None:
            estimated = ", estimated off-policy from calls in which chance chose the answer"
            how = estimated if self.test == "off_policy_t" else ""
            lines.insert(0, ("compared", COMPARED[self.compared] + how))
        interval = f"[{self.ci_low_e6 / 10_000:+.2f}, {self.ci_high_e6 / 10_000:+.2f}]"
        examples = "sealed examples" if self.evidence == "offline" else "calls in production"
        shown = f"{self.evidence}, {self.claim}: {interval} at {100 * self.confidence_e6 / MILLION:g} %"
        p_value = f"{self.p_value_e6 / MILLION:.6f}".rstrip("0") if self.p_value_e6 else "below 0.000001"
        test = f"p {p_value} by {self.test} on {self.examples} {examples}"
        lines += [("gain", f"{gain}, at least {self.ci_low_e6 / 10_000:+.2f}"), ("evidence", f"{shown}, {test}")]
        if self.trial is not None:
            windows = f"{self.trial.windows} window{'' if self.trial.windows == 1 else 's'}"
            level = f"a level of {self.trial.level_e6 / MILLION:g}"
            others = f"; {self.trial.relatives} more of programs with the same code" if self.trial.relatives else ""
            lines.append(("trial", f"number {self.trial.number} of its year, {windows}, {level}{others}"))
        return lines
