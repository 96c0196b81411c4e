"""Compiling one candidate: the stage that is mapped over seeds."""

import contextlib
import io
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from teleprompt.config.curation import BY_OUTCOME
from teleprompt.config.optimization import OptimizationConfig, SampleWeight
from teleprompt.errors import TelepromptError, language_model_error
from teleprompt.evaluate.examples import good_rows, to_examples
from teleprompt.evaluate.objective import Objective
from teleprompt.evaluate.quiet_dspy import quiet_dspy
from teleprompt.evaluate.score import example_key, fails_too_often
from teleprompt.lm.meter import CallsStopped, Meter, ModelGone
from teleprompt.optimize._bootstrapping import Bootstraps
from teleprompt.optimize._preflight import check_examples
from teleprompt.optimize._watch import CompileWatch
from teleprompt.optimize.candidate import Candidate
from teleprompt.optimize.prompt_size import measure_prompt, prompt_too_large
from teleprompt.program.state import dump_state
from teleprompt.program.typed_fields import TypedFields
from teleprompt.records import to_millionths
from teleprompt.storage.blobs import put_blob
from teleprompt.strategies import strategy_of
from teleprompt.strategies.strategy import Teaching
from teleprompt.traces.curation.weights import sample_weights
from teleprompt.traces.grouping import key_of
from teleprompt.traces.row import TraceRow
from teleprompt.traces.snapshot import SnapshotPart, read_rows

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Models:
    """The language models of a compile, both behind one meter."""

    task: Any
    prompt: Any
    meter: Meter


def compile_candidate(
    student: Any,
    train: SnapshotPart,
    *,
    seed: int,
    config: OptimizationConfig,
    typed: TypedFields,
    objective: Objective,
    models: Models,
    num_threads: int,
    storage_uri: str,
    teacher: Any = None,
    bootstraps: Bootstraps | None = None,
    on_better: Callable[[bytes, float], None] = lambda _state, _score: None,
) -> Candidate:
    """Compile `student` (an uncompiled `dspy.Module`) on the good rows of `train`.

    `bootstraps` holds what earlier windows made of examples. `on_better` is told of each program that the strategy
    found better than those before, and its mean score.

    Raises:
        ConfigurationError: `train` holds too few good rows for the strategy.
        LanguageModelUnavailableError: a model does not answer; worth another try.
        TelepromptError: the strategy itself failed.
    """
    rows = good_rows(read_rows(train), min_quality_score=config.min_quality_score)
    if not rows:
        raise TelepromptError(
            f"No training trace reaches the quality score {config.min_quality_score:g}; "
            "lower `optimization.min_quality_score` or check the outcome's range."
        )
    rows = [
        row for row in rows if typed.unreadable(row.inputs, row.outputs) is None
    ]  # the program cannot be shown them
    check_examples(config, len(rows))
    begun_as, watched = dump_state(student), _Watched(objective)
    bootstraps = bootstraps or Bootstraps(typed)
    examples = to_examples(rows, typed)
    teaching = Teaching(
        student=student,
        teacher=teacher,
        examples=examples,
        names=[example_key(example) for example in examples],
        metric=watched,
        feedback_metric=watched.with_feedback,
        good_from=config.min_quality_score,
        rounds=config.optimization_rounds,
        num_candidates=config.num_candidates,
        seed=seed,
        task_model=models.task,
        prompt_model=models.prompt,
        num_threads=num_threads,
        nearly_spent=models.meter.nearly_spent,
        **_draw(rows, config),
    )
    started = time.monotonic()
    with bootstraps.in_use():
        found = _run(teaching, config, models, on_better)
    failures = watched.failures + found.failures
    answers = max(found.runs, watched.successes + watched.failures.total())
    invalid = None
    if fails_too_often(failures.total(), answers, config.max_error_rate):
        invalid = _too_many(failures, answers, config.max_error_rate)
    elif found.error is not None:
        raise TelepromptError(
            f"Compiling seed {seed} failed ({type(found.error).__name__}); check the program, the metric and the "
            "strategy."
        ) from None  # its message may quote a user's text
    state, cut_short = found.state, found.cut_short
    measure = None if state is None else measure_prompt(state, rows, begun_as=begun_as)
    if measure is not None and invalid is None:
        invalid = prompt_too_large(measure, config)
    candidate = Candidate(
        seed=seed,
        state=None if state is None or invalid else put_blob(storage_uri, "programs", state, suffix=".json"),
        cut_short=cut_short,
        invalid=invalid,
        prompt=measure,
        failures=dict(sorted(failures.items())),
        spend=models.meter.spend,
        seconds=round(time.monotonic() - started, 3),
        reused_bootstraps=len(bootstraps.reused),
    )
    log.info("%s", _in_words(candidate, len(examples)))
    return candidate


def _draw(rows: Sequence[TraceRow], config: OptimizationConfig) -> dict[str, Any]:
    """The weights of examples, and the categories of which each has its share.

    Weighted ones are drawn within their contributor: who reports better outcomes is not shown more often than others.
    """
    weights = None
    if config.sample_weight is SampleWeight.OUTCOME:
        weights = sample_weights([row.score_e6 for row in rows], least_e6=to_millionths(config.min_quality_score))
    by = None if config.stratify_by == BY_OUTCOME else config.stratify_by
    if by is None and weights is not None:
        by = "contributor"
    return {"weights": weights, "categories": None if by is None else [key_of(row, by) for row in rows]}


@dataclass(frozen=True)
class _Found:
    state: bytes | None
    cut_short: str | None
    """The limit that ended the search early."""
    error: Exception | None
    """What the optimizer gave up with."""
    runs: int
    """How often a program was run."""
    failures: Counter[str]
    """Runs that gave no answer, by kind of error."""


def _run(
    teaching: Teaching, config: OptimizationConfig, models: Models, on_better: Callable[[bytes, float], None]
) -> _Found:
    import dspy

    watch = CompileWatch(on_better)
    state: bytes | None = None
    error: Exception | None = None
    try:
        try:
            with (
                quiet_dspy(),
                contextlib.redirect_stdout(io.StringIO()),  # optimizers print examples
                dspy.context(lm=models.task, callbacks=[watch.callback()], disable_history=True),
            ):
                state = dump_state(strategy_of(config.strategy).compile(teaching, config.options))
        except Exception as broken:  # noqa: BLE001 - the caller judges it, with what it knows of failures
            if models.meter.stopped is None:
                error = broken
            else:  # an optimizer that gave up because no call could start
                state = watch.state
        models.meter.check_outage()  # it may have gone on, or given up, without the answers
    except CallsStopped:
        state = watch.state
    except ModelGone as gone:
        raise language_model_error(gone.cause) from None  # the cause quotes the provider
    return _Found(state, models.meter.stopped, error, watch.runs, watch.failures)


class _Watched:
    """The objective, with its errors counted: DSPy's optimizers swallow them."""

    def __init__(self, objective: Objective) -> None:
        self._objective = objective
        self.successes = 0
        self.failures: Counter[str] = Counter()

    def __call__(self, example: Any, prediction: Any, trace: Any = None) -> float:
        with self._counted():
            return self._objective(example, prediction, trace)

    def with_feedback(
        self, example: Any, prediction: Any, trace: Any = None, name: Any = None, name_trace: Any = None
    ) -> Any:
        """As GEPA wants it."""
        with self._counted():
            return self._objective.with_feedback(example, prediction, trace, name, name_trace)

    @contextlib.contextmanager
    def _counted(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            self.failures[type(error).__name__] += 1
            raise
        self.successes += 1


def _too_many(failures: Counter[str], answers: int, max_error_rate: float) -> str:
    kinds = ", ".join(f"{kind} x{n}" for kind, n in failures.most_common())
    return (
        f"{failures.total()} of {answers} answers could not be read or scored ({kinds}), more than the share of "
        f"{max_error_rate:g} that `optimization.max_error_rate` allows; check the program, the metric and the model."
    )


def _in_words(candidate: Candidate, examples: int) -> str:
    spend = candidate.spend
    how = candidate.invalid or candidate.cut_short or "compiled"
    cost = f", ${spend.cost_e6 / 1e6:.4f}" if spend.cost_e6 else ""
    earlier = candidate.reused_bootstraps
    reused = f" ({earlier} bootstrapped in earlier windows)" if earlier else ""
    return (
        f"seed {candidate.seed}: {how} on {examples} examples{reused}, "
        f"{spend.calls} calls ({spend.kept} kept from before), "
        f"{spend.tokens_in + spend.tokens_out} tokens{cost}, {candidate.seconds:.1f} s"
    )
