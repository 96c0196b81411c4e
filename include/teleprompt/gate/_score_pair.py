"""Running both programs of a comparison, where program code may run."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from teleprompt.config.gate import JUDGE
from teleprompt.evaluate.examples import to_examples
from teleprompt.evaluate.judge import JudgeAgreement, judge_agreement
from teleprompt.evaluate.objective import Objective
from teleprompt.evaluate.score import ScoreBook, Scores, score_program
from teleprompt.gate.comparison import PairScores
from teleprompt.lm.meter import Meter
from teleprompt.optimize.optimization import Optimization
from teleprompt.program.channel import Channel
from teleprompt.program.state import load_state
from teleprompt.records import Record
from teleprompt.storage.blobs import Blob, get_blob
from teleprompt.traces.row import TraceRow

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class PairJob:
    """Two states of a program and opened examples, on their way to a process of its own."""

    optimization: Optimization
    baseline_state: Blob
    optimized_state: Blob
    rows: tuple[TraceRow, ...]
    judged: tuple[TraceRow, ...]
    """Logged answers that a judge grades, to be compared with their outcomes."""
    afresh: bool
    """Whether answers of earlier runs do not count: latencies are compared, which were taken under another load."""

    title = "Comparing with the champion"

    def run(self, channel: Channel) -> PairScores:
        """Score both.

        Raises:
            TooManyFailuresError: too many calls of one of them failed.
        """
        own, fields = self.optimization, self.optimization.fields
        meter = Meter()
        program, lm, objective = own.source.build(), own.scoring_lm(meter), own.objective(meter)
        own.judging.check_labels(program, self.rows, fields)
        examples = to_examples(self.rows, fields)

        def scores_of(state: Blob) -> Scores:
            book = ScoreBook(on_answer=channel.step) if self.afresh else own.score_book(state.digest, channel)
            try:
                found = score_program(
                    load_state(program, get_blob(state)),
                    examples,
                    objective,
                    lm=lm,
                    num_threads=own.config.num_threads,
                    book=book,
                )
            finally:
                book.close()
            found.check(own.config.optimization.max_error_rate)
            return found

        return PairScores(
            baseline=scores_of(self.baseline_state),
            optimized=scores_of(self.optimized_state),
            judge=self._agreement(objective, channel) if own.config.gate.metric == JUDGE else None,
        )

    def _agreement(self, objective: Objective, channel: Channel) -> JudgeAgreement:
        def graded(example: Any, answer: Any) -> float:
            channel.step()
            return objective(example, answer)

        agreement = judge_agreement(self.judged, to_examples(self.judged, self.optimization.fields), graded)
        log.info("the judge agrees with %d outcomes by a rank correlation of %s", agreement.n, agreement.in_words)
        return agreement


class ScoreNames(Record):
    """What the metric's scores are called."""

    names: tuple[str, ...]


@dataclass(frozen=True)
class ScoreNamesJob:
    """Score one logged answer against itself, to see what the metric gives."""

    optimization: Optimization
    row: TraceRow

    title = "Trying the metric"

    def run(self, channel: Channel) -> ScoreNames:
        """Do it."""
        del channel
        (example,) = to_examples([self.row], self.optimization.fields)
        given = self.optimization.objective(Meter()).scores(example, example.labels())
        return ScoreNames(names=tuple(sorted(given)))


def judged_sample(rows: Sequence[TraceRow], most: int) -> tuple[TraceRow, ...]:
    """Logged answers good and bad, evenly spread in time."""
    step = max(1, len(rows) // most)
    return tuple(rows[::step][:most])
