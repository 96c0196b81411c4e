"""Running both programs of a comparison, where program code may run."""

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from teleprompt.config.gate import JUDGE
from teleprompt.errors import TelepromptError
from teleprompt.evaluate.examples import to_examples
from teleprompt.evaluate.judge import JudgeAgreement, judge_agreement
from teleprompt.evaluate.objective import Objective
from teleprompt.evaluate.score import UNREADABLE, ScoreCache, Scores, digest_of_logged
from teleprompt.gate._score_state import score_state
from teleprompt.gate.comparison import PairScores
from teleprompt.lm.meter import CallsStopped, Meter, Spend
from teleprompt.optimize.optimization import Optimization
from teleprompt.program.channel import Channel
from teleprompt.program.typed_fields import TypedFields
from teleprompt.records import Record
from teleprompt.storage.blobs import Blob
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
    spent: Spend
    """Of the comparison's budget, before."""
    afresh: bool
    """Whether answers of earlier runs do not count: latencies are compared, which were taken under another load."""
    with_logged: bool = False
    """Whether the logged answers are told apart, too."""

    title = "Comparing with the champion"

    def run(self, channel: Channel) -> PairScores:
        """Score both.

        A champion whose answers cannot be read scores 0 for them: a candidate may be its cure.

        Raises:
            TooManyFailuresError: too many calls of one of them failed.
            TelepromptError: the comparison's budget was reached.
        """
        own = self.optimization
        meter = Meter(own.config.gate.budget, before=self.spent)
        channel.spent = lambda: meter.spend
        with own.metered(meter):
            return self._scored(meter, channel)

    def _scored(self, meter: Meter, channel: Channel) -> PairScores:
        own = self.optimization
        built = own.source.build()
        typed = built.typed(own.fields)
        lm, objective = own.scoring_lm(meter), own.objective(meter, typed)
        own.judging.try_out(self.rows, typed)
        examples = to_examples(self.rows, typed)

        def scores_of(state: Blob, *, bear: Collection[str] = ()) -> Scores:
            cache = ScoreCache(on_answer=channel.step) if self.afresh else own.score_cache(state.digest, channel)
            threads = own.config.num_threads
            found = score_state(built.module, state, examples, objective, lm=lm, num_threads=threads, cache=cache)
            found.check(own.config.optimization.max_error_rate, bear=bear)
            return found

        try:
            return PairScores(
                baseline=scores_of(self.baseline_state, bear=UNREADABLE),
                optimized=scores_of(self.optimized_state),
                judge=self._agreement(objective, typed, channel) if own.config.gate.metric == JUDGE else None,
                logged=tuple(map(digest_of_logged, examples)) if self.with_logged else (),
                spend=meter.spend,  # read last: arguments are evaluated in their order
            )
        except CallsStopped as stopped:
            raise TelepromptError(
                f"{stopped.reason} before the comparison was at its end; raise `gate.budget` and try again, its "
                "answers are kept."
            ) from None

    def _agreement(self, objective: Objective, typed: TypedFields, channel: Channel) -> JudgeAgreement:
        def graded(example: Any, answer: Any) -> float:
            channel.step()
            return objective(example, answer)

        agreement = judge_agreement(self.judged, to_examples(self.judged, typed), graded)
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
        typed = self.optimization.source.build().typed(self.optimization.fields)
        (example,) = to_examples([self.row], typed)
        given = self.optimization.objective(Meter(), typed).scores(example, example.labels())
        return ScoreNames(names=tuple(sorted(given)))


def judged_sample(rows: Sequence[TraceRow], most: int) -> tuple[TraceRow, ...]:
    """Logged answers good and bad, evenly spread in time."""
    step = max(1, len(rows) // most)
    return tuple(rows[::step][:most])
