"""Compiling one candidate: the stage that is mapped over seeds."""

import contextlib
import io
import logging
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

from include.teleprompt.config.optimization import OptimizationConfig
from include.teleprompt.errors import LanguageModelUnavailableError, OptimizationTimeoutError, TelepromptError
from include.teleprompt.evaluate.calls import CompileCancelled, call_counter
from include.teleprompt.evaluate.examples import good_rows, to_examples
from include.teleprompt.evaluate.metrics import Metric
from include.teleprompt.optimize.strategies import STRATEGIES
from include.teleprompt.program.fields import ProgramFields
from include.teleprompt.program.state import dump_state
from include.teleprompt.records import Record
from include.teleprompt.storage import Blob, put_blob
from include.teleprompt.traces.snapshot import SnapshotPart, read_rows

log = logging.getLogger(__name__)


class Candidate(Record):
    """A compiled program, as state JSON."""

    seed: int
    state: Blob
    lm_calls: int
    failures: dict[str, int]
    """Failed calls and metric errors while compiling, by error type; DSPy went on without these examples."""
    seconds: float


def compile_candidate(
    student: Any,
    train: SnapshotPart,
    *,
    seed: int,
    config: OptimizationConfig,
    fields: ProgramFields,
    metric: Metric,
    lm: Any,
    storage_uri: str,
) -> Candidate:
    """Compile `student` (an uncompiled `dspy.Module`) on the good rows of `train`.

    Raises:
        TelepromptError: `train` holds no good row, or nothing but failures came of it.
        OptimizationTimeoutError: after `timeout_seconds`; no language-model call starts afterwards.
    """
    import dspy
    from dspy.utils.exceptions import LMError

    rows = good_rows(read_rows(train), min_quality_score=config.min_quality_score)
    if not rows:
        raise TelepromptError(
            f"No training trace reaches the quality score {config.min_quality_score:g}; "
            "lower `optimization.min_quality_score` or check the outcome's range."
        )
    examples = to_examples(rows, fields)
    started = time.monotonic()
    counter = call_counter(deadline=started + config.timeout_seconds)
    watched = _WatchedMetric(metric)
    try:
        with _quiet_dspy(), dspy.context(lm=lm, callbacks=[counter]):
            program = STRATEGIES[config.strategy].compile(student, examples, watched, config, seed)
    except CompileCancelled:
        raise OptimizationTimeoutError(config.timeout_seconds) from None
    except LMError as error:
        raise LanguageModelUnavailableError(error) from error
    except Exception as error:
        raise TelepromptError(
            f"Compiling seed {seed} failed ({type(error).__name__}); check the program, the metric and the strategy."
        ) from error
    failures = counter.failures + watched.failures
    if failures and not watched.successes:
        kinds = ", ".join(f"{kind} x{n}" for kind, n in failures.most_common())
        raise TelepromptError(
            f"No training example could be scored ({kinds}); check the program, the metric and the language model."
        )
    seconds = round(time.monotonic() - started, 3)
    log.info("seed %d: compiled on %d examples, %d calls, %.1f s", seed, len(examples), counter.calls, seconds)
    return Candidate(
        seed=seed,
        state=put_blob(storage_uri, "programs", dump_state(program), suffix=".json"),
        lm_calls=counter.calls,
        failures=dict(sorted(failures.items())),
        seconds=seconds,
    )


class _WatchedMetric:
    """The metric, with its errors counted: DSPy's optimizers swallow them."""

    def __init__(self, metric: Metric) -> None:
        self._metric = metric
        self.successes = 0
        self.failures: Counter[str] = Counter()

    def __call__(self, example: Any, prediction: Any, trace: Any = None) -> float:
        try:
            score = self._metric(example, prediction, trace)
        except Exception as error:
            self.failures[type(error).__name__] += 1
            raise
        self.successes += 1
        return score


@contextlib.contextmanager
def _quiet_dspy() -> Iterator[None]:
    """Hold back what DSPy prints and logs while compiling: its errors quote the example, a user's text."""
    logger = logging.getLogger("dspy")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        logger.setLevel(level)
