"""The gate stage: decide by the scores of both programs on the sealed examples."""

import json
import logging
from collections.abc import Sequence
from datetime import UTC, datetime

from pydantic import AwareDatetime

from teleprompt.config.gate import METRIC_VERSION, GateConfig, Guardrail
from teleprompt.config.split import SplitConfig
from teleprompt.deltaone.decide import decide
from teleprompt.deltaone.guardrails import check_guardrails
from teleprompt.deltaone.report import GatePolicy, GateReport
from teleprompt.deltaone.scores import ScoredAnswer
from teleprompt.encoding.canonical_json import canonical_json, sha256_hex
from teleprompt.evaluate.judge import JudgeAgreement
from teleprompt.evaluate.score import Scores
from teleprompt.gate.ledger import Look, OpenedGate
from teleprompt.lm.meter import Spend
from teleprompt.records import Record, to_millionths
from teleprompt.storage.blobs import Blob, get_blob, put_blob
from teleprompt.traces.grouping import row_units

log = logging.getLogger(__name__)

NOT_KEPT = {"baseline": {"answer"}, "optimized": {"answer"}}
"""Digests of short answers can be guessed, and nothing is decided by them."""


class Comparison(Record):
    """The report, what it was made from, and when; frozen, so that a retry attests the same."""

    report: GateReport
    look: Look
    metric: str
    metric_version: int = 1
    """Of how values were read and compared (`METRIC_VERSION`)."""
    sealed_rows: int
    """Rows of the gate split; `report.n` of them had an output good enough to agree with."""
    baseline_state: Blob
    optimized_state: Blob
    guardrails: tuple[Guardrail, ...]
    scores: Blob
    """All answers' scores (`ComparedAnswer`); regressed examples first."""
    failures: dict[str, dict[str, int]]
    """Failed calls by program (`baseline`, `optimized`) and error type; each scored 0."""
    judge: JudgeAgreement | None
    """Where a language model is the metric."""
    spend: Spend | None = None
    """Of both programs and the judge, on select examples before and on the sealed ones; None from a version of the
    package before 0.3."""
    decided_at: AwareDatetime


class ComparedAnswer(Record):
    """The scores of both answers to one example."""

    trace_id: str
    unit: str
    """Name of the group of dependent examples that it belongs to."""
    baseline: ScoredAnswer
    optimized: ScoredAnswer

    @property
    def change_e6(self) -> int:
        """What the optimized program gained, in millionths."""
        return self.optimized.score_e6 - self.baseline.score_e6


class PairScores(Record):
    """How two states of a program did on the same examples, in order."""

    baseline: Scores
    optimized: Scores
    judge: JudgeAgreement | None
    """Where a language model is the metric."""
    spend: Spend


def compare(
    pair: PairScores,
    opened: OpenedGate,
    *,
    baseline_state: Blob,
    optimized_state: Blob,
    config: GateConfig,
    threshold: float,
    split: SplitConfig,
    spent_before: Spend,
    storage_uri: str,
) -> Comparison:
    """Decide by the scores of both states on the opened examples.

    Examples that share something that the `split` groups by are not independent of each other. `spent_before` went
    into select examples.
    """
    baseline, optimized = pair.baseline, pair.optimized
    answers = [
        ComparedAnswer(trace_id=row.trace_id, unit=sha256_hex(unit.encode())[:16], baseline=before, optimized=after)
        for row, unit, before, after in zip(
            opened.rows, row_units(opened.rows, split), baseline.answers, optimized.answers, strict=True
        )
    ]
    answers.sort(key=lambda answer: (answer.change_e6, answer.trace_id))
    policy = GatePolicy(threshold_e6=to_millionths(threshold), claim=config.claim, alpha=opened.look.alpha)
    report = verdict_on(answers, policy, config.guardrails)
    log.info("%s: %s", report.verdict, report.reason)
    content = [answer.model_dump(mode="json", exclude=NOT_KEPT) for answer in answers]
    return Comparison(
        report=report,
        look=opened.look,
        metric=config.headline,
        metric_version=METRIC_VERSION,
        sealed_rows=opened.sealed_rows,
        baseline_state=baseline_state,
        optimized_state=optimized_state,
        guardrails=config.guardrails,
        scores=put_blob(storage_uri, "scores", canonical_json(content), suffix=".json"),
        failures={"baseline": baseline.failures, "optimized": optimized.failures},
        judge=pair.judge,
        spend=spent_before + pair.spend,
        decided_at=datetime.now(UTC).replace(microsecond=0),
    )


def verdict_on(answers: Sequence[ComparedAnswer], policy: GatePolicy, guardrails: Sequence[Guardrail]) -> GateReport:
    """The report that these answers give; a pure function of them."""
    baseline, optimized = [a.baseline for a in answers], [a.optimized for a in answers]
    report = decide(
        [answer.score_e6 for answer in baseline],
        [answer.score_e6 for answer in optimized],
        groups=[answer.unit for answer in answers],
        policy=policy,
    )
    return report.guarded_by(check_guardrails(guardrails, baseline, optimized))


def compared_answers(comparison: Comparison) -> list[ComparedAnswer]:
    """The stored answers of a comparison, regressed examples first.

    Raises:
        TelepromptError: they are missing, or are not those that were stored.
    """
    return [ComparedAnswer.model_validate(answer) for answer in json.loads(get_blob(comparison.scores))]


def traces_compared(comparison: Comparison) -> list[str]:
    """The ids of the sealed traces that were compared on.

    Raises:
        TelepromptError: the stored answers are missing or damaged.
    """
    return [answer.trace_id for answer in compared_answers(comparison)]


def recompute(comparison: Comparison) -> GateReport:
    """The report made anew from the stored answers; equal to the stored one, unless one of them was changed.

    Raises:
        TelepromptError: the stored answers are missing or damaged.
    """
    return verdict_on(compared_answers(comparison), comparison.report.policy, comparison.guardrails)
