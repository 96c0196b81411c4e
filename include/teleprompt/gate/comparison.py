"""The gate stage: decide by the scores of both programs on the sealed examples."""

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

from pydantic import AwareDatetime, Field

from teleprompt.config.gate import METRIC_VERSION, GateConfig, Guardrail
from teleprompt.config.split import SplitConfig
from teleprompt.deltaone.decide import decide
from teleprompt.deltaone.guardrails import YearSoFar, check_guardrails
from teleprompt.deltaone.off_policy_report import OffPolicyReport
from teleprompt.deltaone.report import GatePolicy, GateReport, Verdict
from teleprompt.encoding.canonical_json import canonical_json, sha256_hex
from teleprompt.evaluate.judge import JudgeAgreement
from teleprompt.evaluate.score import Scores
from teleprompt.gate.dependence import design_effects
from teleprompt.gate.labels import LabelReport
from teleprompt.gate.ledger import Look, OpenedGate
from teleprompt.gate.off_policy import off_policy_report, off_policy_verdict, with_exploration
from teleprompt.gate.trial_fold import ComparedAnswer, WindowScores, counts_in, fold
from teleprompt.gate.trial_records import ScoredWindow, TrialState
from teleprompt.lm.meter import Spend
from teleprompt.records import Digest, Record, to_millionths
from teleprompt.storage.blobs import Blob, get_blob, put_blob
from teleprompt.traces.grouping import row_keys, row_units
from teleprompt.traces.in_production import Propensity
from teleprompt.traces.row import TraceRow
from teleprompt.traces.snapshot import Snapshot, read_manifest

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
    """The scores of this window's answers (`ComparedAnswer`); regressed examples first."""
    failures: dict[str, dict[str, int]]
    """Failed calls by program (`baseline`, `optimized`) and error type; each scored 0."""
    judge: JudgeAgreement | None
    """Where a language model is the metric."""
    spend: Spend | None = None
    """Of both programs and the judge, on select examples before and on the sealed ones; None from a version of the
    package before 0.3."""
    decided_at: AwareDatetime
    year: dict[str, YearSoFar] = Field(default_factory=dict)
    """What the promotions of the year before it changed in the guardrails' metrics."""
    design_effects: dict[str, float] = Field(default_factory=dict)
    """How much less this window's examples tell than independent ones, by what they have in common (`dependence`)."""
    labels: LabelReport | None = None
    """What this window's examples compared with; None in records from before that was looked at."""
    off_policy: OffPolicyReport | None = None
    """How the outcome was estimated, where chance had chosen answers; None where answers were compared by scores."""
    trial: TrialState | None = None
    """The trial that this is a window of, as it was then; None for a window that is compared on its own."""

    @property
    def is_sealed(self) -> bool:
        """Whether its examples are still to decide something: nobody is shown those of a trial that goes on."""
        return self.trial is not None and self.trial.is_open


class PairScores(Record):
    """How two states of a program did on the same examples, in order."""

    baseline: Scores
    optimized: Scores
    judge: JudgeAgreement | None
    """Where a language model is the metric."""
    spend: Spend
    logged: tuple[Digest, ...] = ()
    """SHA-256 of the logged outputs, as that of an answer's; empty where nobody needs them."""


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
    labels_of: Callable[[Sequence[ComparedAnswer]], LabelReport],
    explored: Mapping[str, Propensity] | None = None,
    pending: str | None = None,
    outcome_name: str = "",
) -> Comparison:
    """Decide by the scores of both states on the opened examples alone.

    Examples that share something that the `split` groups by are not independent of each other. `spent_before` went
    into select examples. With `explored`, the propensity of each call by its trace id, the outcome of both states'
    answers is compared, in scores called `outcome_name`; `pending` is why nothing may be decided by it.
    """
    answers = answers_of(pair, opened.rows, units_of(opened.rows, split))
    if explored is not None:
        answers = with_exploration(answers, pair, opened.rows, explored)
    policy = GatePolicy(threshold_e6=to_millionths(threshold), claim=config.claim, alpha=opened.look.alpha)
    labels = labels_of(answers)
    report = verdict_on(answers, policy, config.guardrails)
    cannot_tell = labels.cannot_tell if explored is None and report.verdict is not Verdict.INCONCLUSIVE else None
    report = held_back(report, cannot_tell or pending)
    log.info("%s: %s", report.verdict, report.reason)
    return Comparison(
        report=report,
        look=opened.look,
        metric=config.headline if explored is None else outcome_name,
        metric_version=METRIC_VERSION,
        sealed_rows=opened.sealed_rows,
        baseline_state=baseline_state,
        optimized_state=optimized_state,
        guardrails=config.guardrails,
        scores=store_answers(answers, storage_uri),
        failures={"baseline": pair.baseline.failures, "optimized": pair.optimized.failures},
        judge=pair.judge,
        spend=spent_before + pair.spend,
        decided_at=datetime.now(UTC).replace(microsecond=0),
        design_effects=design_effects(opened.rows, answers),
        labels=labels,
        off_policy=None if explored is None else off_policy_report(answers, policy),
    )


def units_of(rows: Sequence[TraceRow], split: SplitConfig) -> list[str]:
    """The name of each row's unit; the same in every window, and telling nothing of the row."""
    return [sha256_hex(unit.encode())[:16] for unit in row_units(rows, split)]


def keys_of(rows: Sequence[TraceRow], split: SplitConfig) -> list[tuple[str, ...]]:
    """What makes each row belong to a unit, as `units_of` names it."""
    return [tuple(sha256_hex(key.encode())[:16] for key in keys) for keys in row_keys(rows, split)]


def answers_of(
    pair: PairScores,
    rows: Sequence[TraceRow],
    units: Sequence[str],
    keys: Sequence[tuple[str, ...]] | None = None,
) -> list[ComparedAnswer]:
    """The scores of both answers to each of the `rows`, regressed ones first."""
    answers = [
        ComparedAnswer(trace_id=row.trace_id, unit=unit, keys=own, baseline=before, optimized=after)
        for row, unit, own, before, after in zip(
            rows, units, keys or [()] * len(rows), pair.baseline.answers, pair.optimized.answers, strict=True
        )
    ]
    return sorted(answers, key=lambda answer: (answer.change_e6, answer.trace_id))


def store_answers(answers: Sequence[ComparedAnswer], storage_uri: str) -> Blob:
    """Where `stored_answers` finds them."""
    content = [answer.model_dump(mode="json", exclude=NOT_KEPT, exclude_defaults=False) for answer in answers]
    for kept in content:
        for name in ("keys", "explored"):
            if not kept[name]:
                del kept[name]
    return put_blob(storage_uri, "scores", canonical_json(content), suffix=".json")


def stored_answers(scores: Blob) -> list[ComparedAnswer]:
    """The answers that `store_answers` kept.

    Raises:
        TelepromptError: they are missing, or are not those that were stored.
    """
    return [ComparedAnswer.model_validate(answer) for answer in json.loads(get_blob(scores))]


def window_scores(trial: TrialState) -> list[WindowScores]:
    """What each window of a trial brought.

    Raises:
        TelepromptError: scores are missing in the storage, or damaged.
    """
    return [WindowScores(scored.window, stored_answers(scored.scores)) for scored in trial.windows]


def counted_windows(comparison: Comparison) -> list[ScoredWindow]:
    """The windows of the trial that the verdict rests on; none where there is no trial."""
    trial, report = comparison.trial, comparison.report.trial
    if trial is None or report is None or not report.path:
        return []
    last = next(scored.window for scored in trial.windows if str(scored.window) == report.path[-1].window)
    return [scored for scored in trial.windows if scored.n and scored.window.start <= last.start]


def later_snapshots(comparison: Comparison) -> list[Snapshot]:
    """Of a trial's windows after the one that opened it, the snapshots that hold the examples that were compared on."""
    if comparison.trial is None:
        return []
    known = comparison.trial.opening.snapshot.digest
    return [read_manifest(scored.snapshot) for scored in counted_windows(comparison) if scored.snapshot.digest != known]


def verdict_on(answers: Sequence[ComparedAnswer], policy: GatePolicy, guardrails: Sequence[Guardrail]) -> GateReport:
    """The report that these answers give on their own; a pure function of them."""
    baseline, optimized = [a.baseline for a in answers], [a.optimized for a in answers]
    if any(answer.explored for answer in answers):
        return off_policy_verdict(answers, policy)
    report = decide(
        [answer.score_e6 for answer in baseline],
        [answer.score_e6 for answer in optimized],
        groups=[answer.unit for answer in answers],
        policy=policy,
    )
    return report.guarded_by(check_guardrails(guardrails, baseline, optimized))


def compared_answers(comparison: Comparison) -> list[ComparedAnswer]:
    """The stored answers that the verdict rests on, of all windows of a trial, regressed examples first.

    Raises:
        TelepromptError: they are missing, or are not those that were stored.
    """
    if comparison.trial is None or comparison.report.trial is None:
        return stored_answers(comparison.scores)
    found = counts_in(window_scores(comparison.trial), comparison.trial.opening.policy, comparison.report.trial)
    return sorted(found, key=lambda answer: (answer.change_e6, answer.trace_id))


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
    if comparison.trial is None:
        report = verdict_on(compared_answers(comparison), comparison.report.policy, comparison.guardrails)
        return held_back(report, comparison.report.pending)
    policy = comparison.trial.opening.policy
    report = fold(window_scores(comparison.trial), policy, comparison.guardrails, year=comparison.year)
    return held_back(report, comparison.report.pending)


def held_back(report: GateReport, why: str | None) -> GateReport:
    """The report of a run that does not decide its trial, though the figures would, because of `why`."""
    if why is None:
        return report
    return report.model_copy(update={"verdict": Verdict.INCONCLUSIVE, "pending": why})
