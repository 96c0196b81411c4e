"""Running a compile in a process of its own, with its time limit, and what is kept when that passes."""

import os
from collections.abc import Callable
from typing import Any

from teleprompt.errors import ProgramTimeoutError
from teleprompt.lm.meter import TIMED_OUT, Spend
from teleprompt.optimize._job import CompileJob
from teleprompt.optimize._progress import Progress
from teleprompt.optimize.candidate import Candidate
from teleprompt.program.process import run_in_process
from teleprompt.program.process_environment import process_environment
from teleprompt.storage.blobs import put_blob


def compile_in_child(
    job: CompileJob,
    *,
    on_progress: Callable[[Progress], None] = lambda _progress: None,
    on_spend: Callable[[Spend], None] = lambda _spend: None,
) -> Candidate:
    """Compile `job` and return its candidate; whatever ends this function ends the process group too.

    `on_spend` is told now and then what was spent until then.

    A request that hangs past the time limit is ended with its process; the best program until then is kept.

    Raises:
        ProgramInterruptedError: the process was ended by somebody else; worth another try, which goes on from there.
        TelepromptError: what compiling raised.
    """
    better: bytes | None = None
    last = Progress(seed=job.seed, calls=0, tokens=0, cost_e6=0, best_e6=None, seconds_left=None)
    limit = job.seconds

    def hear(message: dict[str, Any]) -> None:
        nonlocal better, last
        match message:
            case {"progress": progress}:
                last = Progress.model_validate(progress)
                on_progress(last)
            case {"spent": spent}:
                on_spend(Spend.model_validate(spent))
            case {"better": [str(state), float()]}:
                better = state.encode()

    try:
        return run_in_process(
            job,
            Candidate,
            config=job.process,
            environment=process_environment(
                os.environ, more=job.process.environment, models=job.models, storage_uri=job.storage_uri
            ),
            seconds=limit + job.process.start_seconds + request_seconds(job),
            on_said=hear,
        )
    except ProgramTimeoutError:
        kept = None if better is None else put_blob(job.storage_uri, "programs", better, suffix=".json")
        return Candidate(
            seed=job.seed,
            state=kept,
            cut_short=TIMED_OUT.format(limit),
            failures={},
            spend=Spend(calls=last.calls, tokens_in=last.tokens, cost_e6=last.cost_e6),
            seconds=limit,
        )


def request_seconds(job: CompileJob) -> float:
    """The longest that a request of the job may take."""
    return max(model.timeout_seconds for model in (job.lm, job.prompt_lm or job.lm))
