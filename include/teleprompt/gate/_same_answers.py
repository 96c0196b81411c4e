"""Whether two programs answer alike on all select examples: then a comparison on sealed ones would show nothing."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from teleprompt.evaluate.examples import to_examples
from teleprompt.evaluate.score import Scores
from teleprompt.gate._score_state import score_state
from teleprompt.lm.meter import CallsStopped, Meter, Spend
from teleprompt.optimize.optimization import Optimization
from teleprompt.program.channel import Channel
from teleprompt.records import Record
from teleprompt.storage.blobs import Blob
from teleprompt.traces.row import TraceRow


class SameAnswers(Record):
    """How far two programs were seen to answer alike."""

    alike: bool
    """Whether they did on every example."""
    n: int
    """Examples that were looked at, up to the batch with the first difference."""
    spend: Spend


@dataclass(frozen=True)
class SameAnswersJob:
    """Two states of a program and select examples, on their way to a process of their own."""

    optimization: Optimization
    baseline_state: Blob
    optimized_state: Blob
    rows: tuple[TraceRow, ...]
    spent: Spend
    """Of the comparison's budget, before."""

    title = "Looking for a difference"

    def run(self, channel: Channel) -> SameAnswers:
        """Ask both programs, in batches that double, until an answer differs; known answers are not asked for again."""
        meter = Meter(self.optimization.config.gate.budget, before=self.spent)
        channel.spent = lambda: meter.spend
        with self.optimization.metered(meter):
            return self._compared(meter, channel)

    def _compared(self, meter: Meter, channel: Channel) -> SameAnswers:
        own = self.optimization
        built = own.source.build()
        typed = built.typed(own.fields)
        examples, objective, lm = to_examples(self.rows, typed), own.objective(meter, typed), own.scoring_lm(meter)
        seen = 0
        for batch in _doubling(len(examples), first=own.config.num_threads):
            some = [examples[i] for i in batch]

            def scores_of(state: Blob, some: Sequence[object] = some) -> Scores:
                cache, threads = own.score_cache(state.digest, channel), own.config.num_threads
                return score_state(built.module, state, some, objective, lm=lm, num_threads=threads, cache=cache)

            seen += len(some)
            try:
                alike = same_answers(scores_of(self.baseline_state), scores_of(self.optimized_state))
            except CallsStopped:  # too little is left to find out; the comparison's own budget decides
                alike = False
            if not alike:
                return SameAnswers(alike=False, n=seen, spend=meter.spend)
        return SameAnswers(alike=True, n=seen, spend=meter.spend)


def same_answers(one: Scores, other: Scores) -> bool:
    """Whether all answers are known and equal; one that failed, or of which only the score was kept, is no equal."""
    return all(a.answer is not None and a.answer == b.answer for a, b in zip(one.answers, other.answers, strict=True))


def _doubling(examples: int, *, first: int) -> Iterator[range]:
    begin, size = 0, max(1, first)
    while begin < examples:
        yield range(begin, min(begin + size, examples))
        begin, size = begin + size, 2 * size
