"""A few calls of both programs on select examples, before a sealed one is opened: what fails then would fail there."""

import logging
from dataclasses import dataclass
from typing import Any

from teleprompt.config.budget import BudgetConfig
from teleprompt.errors import ConfigurationError, TelepromptError
from teleprompt.evaluate.examples import to_examples
from teleprompt.evaluate.objective import Objective
from teleprompt.evaluate.score import UNREADABLE, Scores
from teleprompt.gate._score_state import score_state
from teleprompt.lm.meter import Meter, Spend
from teleprompt.optimize.optimization import Optimization
from teleprompt.program.channel import Channel
from teleprompt.program.typed_fields import TypedFields, given
from teleprompt.records import MILLION, Record
from teleprompt.storage.blobs import Blob
from teleprompt.traces.row import TraceRow

log = logging.getLogger(__name__)

UNITS = ("calls", "tokens", "US dollars")
CALLS = 3
"""Calls of each program."""


class Rehearsal(Record):
    """How a few calls went."""

    baseline: Scores
    optimized: Scores
    spend: Spend
    asked: int
    """Answers that were asked for; others were known from the race."""
    lacking: tuple[str, ...]
    """Required outputs that none of the answers asked for had."""


@dataclass(frozen=True)
class RehearsalJob:
    """Both programs and the examples, on their way to a process of their own."""

    optimization: Optimization
    baseline_state: Blob
    optimized_state: Blob
    rows: tuple[TraceRow, ...]

    title = "Trying both programs"

    def run(self, channel: Channel) -> Rehearsal:
        """Do it."""
        meter = Meter()
        channel.spent = lambda: meter.spend
        with self.optimization.metered(meter):
            return self._rehearsed(meter, channel)

    def _rehearsed(self, meter: Meter, channel: Channel) -> Rehearsal:
        own = self.optimization
        built = own.source.build()
        typed = built.typed(own.fields)
        watched = _Watched(own.objective(meter, typed), typed)
        examples = to_examples(self.rows, typed)

        def scores_of(state: Blob) -> Scores:
            cache, lm, threads = own.score_cache(state.digest, channel), own.scoring_lm(meter), own.config.num_threads
            return score_state(built.module, state, examples, watched, lm=lm, num_threads=threads, cache=cache)

        baseline, optimized = scores_of(self.baseline_state), scores_of(self.optimized_state)
        failed = sum(baseline.failures.values()) + sum(optimized.failures.values())  # none of them is known from before
        return Rehearsal(
            baseline=baseline,
            optimized=optimized,
            spend=meter.spend,
            asked=watched.answers + failed,
            lacking=tuple(sorted(watched.lacking)) if watched.answers else (),
        )


class _Watched(Objective):
    """An objective that notes which outputs the answers lack."""

    def __init__(self, objective: Objective, typed: TypedFields) -> None:
        self._objective = objective
        self.lacking = {field.name for field in typed.fields.outputs if field.required}
        self.answers = 0
        """That got a score; the others are failures."""

    def scores(self, example: Any, prediction: Any, trace: Any = None) -> dict[str, float]:
        """As the objective."""
        self.lacking -= {name for name in self.lacking if given(prediction, name) is not None}
        found = self._objective.scores(example, prediction, trace)
        self.answers += 1
        return found

    def combine(self, scores: Any) -> float:
        """As the objective."""
        return self._objective.combine(scores)


def check_rehearsal(rehearsal: Rehearsal) -> None:
    """Say what would make a comparison worthless.

    A champion whose answers cannot be read is none of it: it scores 0, and a candidate may be its cure.

    Raises:
        ConfigurationError: the answers lack an output that calls hold.
        TelepromptError: each call of one of the programs failed.
    """
    for name, scores in (("champion", rehearsal.baseline), ("candidate", rehearsal.optimized)):
        failed = sum(scores.failures.values())
        if not failed or failed < len(scores.answers):
            continue
        kinds = ", ".join(f"{kind} x{n}" for kind, n in scores.failures.items())
        if name == "champion" and set(scores.failures) <= set(UNREADABLE):
            log.warning("The champion's answers cannot be read (%s); it scores 0 where that is so.", kinds)
            continue
        raise TelepromptError(
            f"All of the first {failed} calls of the {name} failed ({kinds}), so no sealed example was opened; correct "
            "the program or its inputs."
        )
    if rehearsal.lacking:
        names = ", ".join(f"`{name}`" for name in rehearsal.lacking)
        raise ConfigurationError(
            f"The program's answers have no {names}, which its logged calls hold, so no sealed example was opened; "
            "declare the outputs to compare under `outputs:` in the program file."
        )


def check_budget(rehearsal: Rehearsal, budget: BudgetConfig, *, examples: int, spent: Spend) -> None:
    """Refuse a comparison that would spend more than it may after what was `spent`.

    What it would take is judged by the calls that were tried.

    Raises:
        ConfigurationError: with both numbers.
    """
    if not rehearsal.asked:
        return
    times = 2 * examples / rehearsal.asked
    limits = (budget.max_calls, budget.max_tokens, budget.max_cost_usd)
    for unit, tried, before, most in zip(UNITS, _amounts(rehearsal.spend), _amounts(spent), limits, strict=True):
        if most is not None and before + tried * times > most:
            earlier = f" after {before:.4g} of the trial's earlier windows" if before else ""
            raise ConfigurationError(
                f"Comparing both programs on about {examples} sealed examples takes about {tried * times:.4g} "
                f"{unit}{earlier}, more than the {most:g} of `gate.budget`, so no example was opened; raise it, or "
                "lower `split.gate`."
            )


def _amounts(spend: Spend) -> tuple[float, float, float]:
    """In `UNITS`."""
    return spend.calls, spend.tokens_in + spend.tokens_out, spend.cost_e6 / MILLION
