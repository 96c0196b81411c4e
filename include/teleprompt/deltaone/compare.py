"""The gate stage: run both programs on the sealed examples and decide."""

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from pydantic import AwareDatetime

from include.teleprompt.canonical import canonical_json
from include.teleprompt.config.gate import GateConfig
from include.teleprompt.deltaone.gate import Decision, GatePolicy, decide
from include.teleprompt.errors import TelepromptError
from include.teleprompt.evaluate.examples import good_rows, to_examples
from include.teleprompt.evaluate.objective import Objective
from include.teleprompt.evaluate.score import ScoreBook, Scores, score_program
from include.teleprompt.program.fields import ProgramFields
from include.teleprompt.program.state import load_state
from include.teleprompt.records import Digest, Record, to_millionths
from include.teleprompt.storage import Blob, get_blob, put_blob
from include.teleprompt.traces.row import TraceRow
from include.teleprompt.traces.snapshot import SnapshotPart, read_rows
from include.teleprompt.traces.split import row_units

log = logging.getLogger(__name__)


class GateReport(Record):
    """The decision, what it was made from, and when; frozen, so that a retry attests the same."""

    decision: Decision
    metric: str
    sealed_rows: int
    """Rows of the gate split; `decision.n` of them had an output good enough to agree with."""
    baseline_state: Blob
    optimized_state: Blob
    scores: Blob
    """Per example: trace id, both scores, and the named scores they are made of; regressed examples first."""
    failures: dict[str, dict[str, int]]
    """Failed calls by program (`baseline`, `optimized`) and error type; each scored 0."""
    decided_at: AwareDatetime


def run_gate(
    program: Any,
    *,
    baseline_state: Blob,
    optimized_state: Blob,
    gate: SnapshotPart,
    config: GateConfig,
    threshold: float,
    min_quality_score: float,
    fields: ProgramFields,
    max_error_rate: float,
    objective: Objective,
    lm: Any,
    num_threads: int,
    storage_uri: str,
    book_of: Callable[[Digest], ScoreBook] = lambda _state: ScoreBook(),
) -> GateReport:
    """Score both states of `program` on the sealed examples and decide.

    `book_of` gives what is known of a program's scores: a baseline that did not change is asked about new traces only.

    Raises:
        TelepromptError: no sealed example has an output to agree with, or too many calls failed.
    """
    sealed = read_rows(gate)
    rows = good_rows(sealed, min_quality_score=min_quality_score)
    if not rows:
        raise TelepromptError(
            f"None of the {len(sealed)} sealed traces reaches the quality score {min_quality_score:g}; "
            "collect more traces or lower `optimization.min_quality_score`."
        )
    examples = to_examples(rows, fields)

    def scores_of(state: Blob) -> Scores:
        candidate = load_state(program, get_blob(state))
        book = book_of(state.digest)
        try:
            scores = score_program(candidate, examples, objective, lm=lm, num_threads=num_threads, book=book)
        finally:
            book.close()
        scores.check(max_error_rate)
        return scores

    baseline, optimized = scores_of(baseline_state), scores_of(optimized_state)
    policy = GatePolicy(threshold_e6=to_millionths(threshold), claim=config.claim, alpha=config.alpha)
    decision = decide(baseline.values_e6, optimized.values_e6, groups=row_units(rows), policy=policy)
    log.info("%s: %s", decision.verdict, decision.reason)
    return GateReport(
        decision=decision,
        metric=config.metric,
        sealed_rows=len(sealed),
        baseline_state=baseline_state,
        optimized_state=optimized_state,
        scores=_store_scores(rows, baseline, optimized, storage_uri),
        failures={"baseline": baseline.failures, "optimized": optimized.failures},
        decided_at=datetime.now(UTC).replace(microsecond=0),
    )


def _store_scores(rows: list[TraceRow], baseline: Scores, optimized: Scores, storage_uri: str) -> Blob:
    examples = sorted(
        zip((row.trace_id for row in rows), baseline.answers, optimized.answers, strict=True),
        key=lambda example: (example[2].score_e6 - example[1].score_e6, example[0]),
    )
    content = [
        {
            "trace_id": trace_id,
            "baseline_e6": before.score_e6,
            "optimized_e6": after.score_e6,
            "baseline_parts_e6": before.parts_e6,
            "optimized_parts_e6": after.parts_e6,
        }
        for trace_id, before, after in examples
    ]
    return put_blob(storage_uri, "scores", canonical_json(content), suffix=".json")
