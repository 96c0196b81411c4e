"""Choosing the best candidate, on examples that no optimizer saw."""

import logging
from collections.abc import Sequence
from typing import Any

from include.teleprompt.errors import TelepromptError
from include.teleprompt.evaluate.examples import good_rows, to_examples
from include.teleprompt.evaluate.metrics import Metric
from include.teleprompt.evaluate.score import score_program
from include.teleprompt.optimize.compile import Candidate
from include.teleprompt.program.fields import ProgramFields
from include.teleprompt.program.state import load_state
from include.teleprompt.records import Record
from include.teleprompt.storage import get_blob
from include.teleprompt.traces.snapshot import SnapshotPart, read_rows

log = logging.getLogger(__name__)


class CandidateScore(Record):
    """A candidate's mean score on the select examples."""

    seed: int
    score_e6: int
    failures: dict[str, int]


class Selection(Record):
    """The chosen candidate, and how all of them did."""

    winner: Candidate
    scores: tuple[CandidateScore, ...]
    n_select: int
    lm_calls: int
    """Calls of all compiles and of this comparison."""
    seconds: float
    """Time of all compiles, added up."""


def select_candidate(
    program: Any,
    candidates: Sequence[Candidate],
    select: SnapshotPart,
    *,
    min_quality_score: float,
    fields: ProgramFields,
    metric: Metric,
    lm: Any,
    num_threads: int,
) -> Selection:
    """The candidate with the highest mean on the good rows of `select`; of equals, the lowest seed.

    Raises:
        TelepromptError: `select` holds no good row, or too many calls failed.
    """
    rows = good_rows(read_rows(select), min_quality_score=min_quality_score)
    if not rows:
        raise TelepromptError(
            "No trace to select on reaches the quality score; collect more traces or raise `split.select`."
        )
    examples = to_examples(rows, fields)
    scores, calls = [], 0
    for candidate in candidates:
        compiled = load_state(program, get_blob(candidate.state))
        result = score_program(compiled, examples, metric, lm=lm, num_threads=num_threads)
        calls += result.lm_calls
        log.info("seed %d: %.4f on %d examples", candidate.seed, result.mean_e6 / 1e6, len(examples))
        scores.append(CandidateScore(seed=candidate.seed, score_e6=result.mean_e6, failures=result.failures))
    best = min(range(len(scores)), key=lambda i: (-scores[i].score_e6, scores[i].seed))
    return Selection(
        winner=candidates[best],
        scores=tuple(scores),
        n_select=len(examples),
        lm_calls=sum(c.lm_calls for c in candidates) + calls,
        seconds=round(sum(c.seconds for c in candidates), 3),
    )
