"""The process that compiles one candidate: `python -m include.teleprompt.optimize.worker`.

A pickled `CompileJob` comes in on standard input, which then stays open: when it closes, the parent is gone, and this
process and all that it started end at once. Lines of JSON go out on standard output:
`{"log": [level, logger, text]}`, `{"progress": …}`, `{"better": [state, score]}`, and at last `{"candidate": …}` or
`{"error": [kind, text]}`.
"""

import json
import logging
import os
import pickle
import signal
import struct
import sys
import threading
import traceback
from contextlib import suppress
from types import FrameType
from typing import Any, BinaryIO

from include.teleprompt import errors
from include.teleprompt.environment import quiet_libraries
from include.teleprompt.errors import TelepromptError
from include.teleprompt.journal import Journal
from include.teleprompt.lm.meter import Meter
from include.teleprompt.optimize.candidate import Candidate
from include.teleprompt.optimize.job import CompileJob
from include.teleprompt.optimize.progress import Progress

TICK_SECONDS = 2.0
_to_close: list[Journal] = []
"""What is to be kept if the parent goes away."""

HEAD = struct.Struct("!Q")
"""Length of the pickled job."""


def main() -> None:
    """Compile what standard input says."""
    out = _Out(os.fdopen(os.dup(sys.stdout.fileno()), "wb", buffering=0))
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # whatever libraries print must not get between
    signal.signal(signal.SIGTERM, _leave)
    quiet_libraries()
    logging.getLogger("include.teleprompt").addHandler(out)
    logging.getLogger("include.teleprompt").setLevel(logging.INFO)
    (length,) = HEAD.unpack(_read(HEAD.size))
    job: CompileJob = pickle.loads(_read(length))  # noqa: S301 - our parent's
    threading.Thread(target=_end_with_parent, name="lifeline", daemon=True).start()
    message: dict[str, object]
    try:
        message = {"candidate": compile_job(job, out).model_dump(mode="json")}
    except TelepromptError as error:
        message = {"error": [type(error).__name__, str(error)]}
    except Exception as error:  # noqa: BLE001 - the parent tells what it was
        place = traceback.extract_tb(error.__traceback__)[-1].filename
        text = f"Compiling seed {job.seed} failed in {place} ({type(error).__name__}); report it, or correct that file."
        message = {"error": [TelepromptError.__name__, text]}
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    out.send(**message)
    os._exit(0)  # all is kept and said; a thread that still waits for an answer must not hold this up


def compile_job(job: CompileJob, out: "_Out") -> Candidate:
    """Compile, keeping every answer and every better program on the way."""
    from include.teleprompt.config.gate import JUDGE
    from include.teleprompt.lm.answers import AnswerJournal
    from include.teleprompt.lm.build import build_lm
    from include.teleprompt.lm.metered import metered
    from include.teleprompt.optimize.compile import Models, compile_candidate
    from include.teleprompt.optimize.preflight import check_price
    from include.teleprompt.program.state import load_state

    program = job.source.build()
    program.set_lm(None)  # one of its own would pass no meter, and selecting does not use it either
    _stop_autologging()
    _send_each_request_once()
    teacher = None
    if job.start is not None:
        teacher = load_state(program, job.start)
        teacher._compiled = True  # noqa: SLF001 - else DSPy takes its demonstrations away before it teaches
        program = load_state(program, job.start)
    prompt_config, judge_config = job.prompt_lm or job.lm, job.judge_lm or job.lm
    task, prompt = build_lm(job.lm), build_lm(prompt_config)
    judge_model = build_lm(judge_config) if job.judging.gate.metric == JUDGE else None
    check_price(job.config, task=task, prompt=prompt, judge=judge_model)
    meter = Meter(job.budget, timeout_seconds=job.config.timeout_seconds)
    with Journal(job.storage_uri, job.checkpoint, fingerprint=job.fingerprint) as journal:
        _to_close.append(journal)
        answers = AnswerJournal(journal, meter)
        models = Models(
            task=metered(task, meter, retries=job.lm.num_retries, answers=answers),
            prompt=metered(prompt, meter, retries=prompt_config.num_retries, answers=answers),
            meter=meter,
        )
        judge = metered(build_lm(judge_config), meter, retries=judge_config.num_retries, answers=answers)
        best: list[float] = []

        def better(state: bytes, score: float) -> None:
            best.append(score)
            out.send(better=[state.decode(), score])

        def tick() -> None:
            while not done.wait(TICK_SECONDS):
                progress = Progress.of(job.seed, meter, best=best[-1] if best else None)
                out.send(progress=progress.model_dump(mode="json"))

        done = threading.Event()
        threading.Thread(target=tick, name="progress", daemon=True).start()
        try:
            return compile_candidate(
                program,
                job.train,
                seed=job.seed,
                config=job.config,
                fields=job.fields,
                objective=job.judging.build(job.fields, judge_lm=judge),
                models=models,
                num_threads=job.num_threads,
                storage_uri=job.storage_uri,
                teacher=teacher,
                on_better=better,
            )
        finally:
            done.set()


def _stop_autologging() -> None:
    """A program's file may log all its calls and compiles to MLflow; ours are no production traffic."""
    if "mlflow" in sys.modules:
        import mlflow.dspy

        mlflow.dspy.autolog(disable=True)


def _send_each_request_once() -> None:
    """DSPy sends a request again that takes two minutes, as our own waiting for a model may; it would be paid twice."""
    from dspy.utils.parallelizer import ParallelExecutor

    execute = ParallelExecutor.execute

    def patiently(self: Any, function: Any, data: Any) -> Any:
        self.timeout = 0
        return execute(self, function, data)

    ParallelExecutor.execute = patiently


def error_of(kind: str, text: str) -> TelepromptError:
    """The error that the process reported."""
    known = getattr(errors, kind, TelepromptError)
    error: TelepromptError = known.__new__(known)
    Exception.__init__(error, text)
    return error


class _Out(logging.Handler):
    """Lines to the parent, from any thread."""

    def __init__(self, pipe: BinaryIO) -> None:
        super().__init__()
        self._pipe = pipe
        self._sending = threading.Lock()

    def send(self, **message: object) -> None:
        """One message."""
        with self._sending:
            self._pipe.write(json.dumps(message).encode() + b"\n")

    def emit(self, record: logging.LogRecord) -> None:
        self.send(log=[record.levelno, record.name, record.getMessage()])


def _leave(_signal: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + signal.SIGTERM)  # journals are closed on the way out


def _read(size: int) -> bytes:
    """So many bytes of standard input; unbuffered, as Python cannot end while a thread waits in a buffer."""
    data = b""
    while len(data) < size:
        more = os.read(sys.stdin.fileno(), size - len(data))
        if not more:
            raise SystemExit(1)  # the parent is gone already
        data += more
    return data


def _end_with_parent() -> None:
    os.read(sys.stdin.fileno(), 1)
    for journal in _to_close:
        with suppress(Exception):
            journal.close()
    os.killpg(os.getpgid(0), signal.SIGKILL)


if __name__ == "__main__":
    main()
