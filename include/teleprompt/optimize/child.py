"""Running a compile in a process group of its own, so that it can be ended, with all its threads, at any moment."""

import json
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from include.teleprompt.config.settings import PROJECT_ROOT
from include.teleprompt.errors import CompileInterruptedError
from include.teleprompt.lm.meter import TIMED_OUT, Spend
from include.teleprompt.optimize.candidate import Candidate
from include.teleprompt.optimize.job import CompileJob
from include.teleprompt.optimize.progress import Progress
from include.teleprompt.optimize.worker import HEAD, error_of
from include.teleprompt.storage import put_blob

WORKER = "include.teleprompt.optimize.worker"
GRACE_SECONDS = 5.0
"""Between asking a process to end and ending it."""

START_SECONDS = 60.0
"""For imports, beyond the time limit of compiling."""


def compile_in_child(job: CompileJob, *, on_progress: Callable[[Progress], None] = lambda _progress: None) -> Candidate:
    """Compile `job` and return its candidate; whatever ends this function ends the process group too.

    A request that hangs past the time limit is ended with its process; the best program until then is kept.

    Raises:
        CompileInterruptedError: the process was ended by somebody else; worth another try, which goes on from there.
        TelepromptError: what compiling raised.
    """
    better: tuple[str, float] | None = None
    last = Progress(seed=job.seed, calls=0, tokens=0, cost_e6=0, best_e6=None, seconds_left=None)
    limit = job.config.timeout_seconds
    with _process(job) as process:
        hung = threading.Event()

        def end_hung() -> None:
            hung.set()
            _end(process)

        timer = threading.Timer(limit + START_SECONDS + request_seconds(job), end_hung)
        timer.start()
        try:
            for message in _messages(process):
                match message:
                    case {"log": [int(level), str(name), str(text)]}:
                        logging.getLogger(name).log(level, "%s", text)
                    case {"progress": progress}:
                        last = Progress.model_validate(progress)
                        on_progress(last)
                    case {"better": [str(state), float(score)]}:
                        better = state, score
                    case {"error": [str(kind), str(text)]}:
                        raise error_of(kind, text)
                    case {"candidate": candidate}:
                        return Candidate.model_validate(candidate)
        finally:
            timer.cancel()
    if not hung.is_set():
        raise CompileInterruptedError(job.seed, process.returncode)
    kept = None if better is None else put_blob(job.storage_uri, "programs", better[0].encode(), suffix=".json")
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


@contextmanager
def _process(job: CompileJob) -> Iterator["subprocess.Popen[bytes]"]:
    import cloudpickle

    pickled = cloudpickle.dumps(job)
    path = os.pathsep.join(dict.fromkeys([str(PROJECT_ROOT), *(entry for entry in sys.path if entry)]))
    process = subprocess.Popen(
        [sys.executable, "-m", WORKER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": path},
        start_new_session=True,
    )
    try:
        assert process.stdin is not None  # noqa: S101 - a pipe was asked for
        with suppress(BrokenPipeError):
            process.stdin.write(HEAD.pack(len(pickled)) + pickled)  # through a pipe: keys are in it
            process.stdin.flush()
        yield process
    finally:
        _end(process)
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()


def _messages(process: "subprocess.Popen[bytes]") -> Iterator[dict[str, Any]]:
    assert process.stdout is not None  # noqa: S101 - a pipe was asked for
    for line in process.stdout:
        if line.endswith(b"\n"):  # the last line of a process that was killed may be torn
            yield json.loads(line)


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End the process and all that it started: ask, wait, and make sure."""
    if process.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(GRACE_SECONDS)
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
