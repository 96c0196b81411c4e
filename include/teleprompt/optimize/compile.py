"""Compiling one candidate: the stage that is mapped over seeds."""

import contextlib
import io
import logging
import time
from typing import Any

from include.teleprompt.config.optimization import OptimizationConfig
from include.teleprompt.errors import OptimizationTimeoutError, TelepromptError
from include.teleprompt.evaluate.examples import good_rows, to_examples
from include.teleprompt.evaluate.metrics import Metric
from include.teleprompt.optimize.guard import CompileCancelled, guard_callback
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
        TelepromptError: `train` holds no good row.
        OptimizationTimeoutError: after `timeout_seconds`; no language-model call starts afterwards.
    """
    import dspy

    # Its errors quote the example, a user's text; what fails is counted and raised below.
    logging.getLogger("dspy").setLevel(logging.CRITICAL)
    rows = good_rows(read_rows(train), min_quality_score=config.min_quality_score)
    if not rows:
        raise TelepromptError(
            f"No training trace reaches the quality score {config.min_quality_score:g}; "
            "lower `optimization.min_quality_score` or check the outcome's range."
        )
    examples = to_examples(rows, fields)
    started = time.monotonic()
    guard = guard_callback(deadline=started + config.timeout_seconds)
    printed = io.StringIO()  # random search reports on standard output
    try:
        with dspy.context(lm=lm, callbacks=[guard]), contextlib.redirect_stdout(printed):
            program = STRATEGIES[config.strategy].compile(student, examples, metric, config, seed)
    except CompileCancelled:
        raise OptimizationTimeoutError(config.timeout_seconds) from None
    finally:
        log.debug("%s", printed.getvalue())
    seconds = round(time.monotonic() - started, 3)
    log.info("seed %d: compiled on %d examples with %d calls in %.1f s", seed, len(examples), guard.calls, seconds)
    state = put_blob(storage_uri, "programs", dump_state(program), suffix=".json")
    return Candidate(seed=seed, state=state, lm_calls=guard.calls, seconds=seconds)
