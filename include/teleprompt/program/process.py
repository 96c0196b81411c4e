"""Running program code in a process of its own, with bounds, so that it can be ended at any moment.

The process is a fresh interpreter with few of our environment variables and none of our open files. What it says is
read as JSON and checked; nothing that comes from it is unpickled or run.
"""

import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from selectors import EVENT_READ, DefaultSelector
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from pydantic import ValidationError

from teleprompt.config.program_process import ProgramProcessConfig
from teleprompt.config.project import project_dir
from teleprompt.errors import (
    ProgramInterruptedError,
    ProgramMemoryError,
    ProgramTimeoutError,
    TelepromptError,
)
from teleprompt.program._process_tree import count_and_memory, end_session
from teleprompt.program.channel import Job
from teleprompt.program.worker import GIB, HEAD
from teleprompt.records import Record

log = logging.getLogger(__name__)

WORKER = "teleprompt.program.worker"
OUR_LOGGERS = "teleprompt"
GRACE_SECONDS = 5.0
"""Between asking a process to end and ending it."""

TICK_SECONDS = 0.5
"""How often memory is looked at, in the process and all that it started."""

MOST_PROCESSES = 256
MOST_BYTES = 128 * 2**20
"""Longest line of a process that knows no end."""

MOST_LOG_LINES = 10_000
MOST_PRINTED = 2**20
"""Bytes of what a program prints that are shown."""


R = TypeVar("R", bound=Record)

_under_way: "set[subprocess.Popen[bytes]]" = set()


def run_in_process(
    job: Job,
    returns: type[R],
    *,
    config: ProgramProcessConfig,
    environment: Mapping[str, str],
    seconds: float,
    on_said: Callable[[dict[str, Any]], None] = lambda _message: None,
    folder: Path | None = None,
    search_path: Sequence[str] | None = None,
) -> R:
    """Do `job` and return its record; whatever ends this function ends the process, too, with all that it started.

    It is done in `folder`, by default here, and finds modules on `search_path`, by default ours and the project.

    `seconds` is the time until the end, or until the next `step` that the job reports. `on_said` is told what the job
    says on the way.

    Raises:
        ProgramTimeoutError: it took longer; endless loops do.
        ProgramMemoryError: it took more memory than it may.
        ProgramInterruptedError: the process was ended by somebody else; worth another try.
        TelepromptError: what the job raised, or that the program ended its process.
    """
    path = [*(entry for entry in sys.path if entry), str(project_dir())] if search_path is None else search_path
    given = {**environment, "PYTHONPATH": os.pathsep.join(dict.fromkeys(path))}
    with _process(job, given, folder, memory=round(config.memory_gb * GIB)) as process:
        log_lines = 0
        for message in _messages(process, job.title, seconds=seconds, memory_gb=config.memory_gb):
            match message:
                case {"log": [int(level), str(name), str(text)]} if name.startswith(OUR_LOGGERS):
                    log_lines += 1
                    if log_lines <= MOST_LOG_LINES:
                        logging.getLogger(name).log(level, "%s", one_line(text, most=4000))
                case {"said": dict(said)}:
                    on_said(said)
                case {"error": {"kinds": kinds, "text": str(text), "facts": dict(facts)}}:
                    raise TelepromptError.from_json(kinds, one_line(text), facts)
                case {"result": result}:
                    return _checked(result, returns, job.title)
    code = process.returncode
    if code >= 0:
        raise TelepromptError(
            f"{job.title} was ended by the program's own code (exit code {code}); take out what ends the process."
        )
    raise ProgramInterruptedError(job.title, signal.Signals(-code).name)


def _checked(result: object, returns: type[R], title: str) -> R:
    try:
        return returns.model_validate(result)
    except ValidationError:
        raise TelepromptError(f"{title} gave no usable answer; take out what writes to the process's pipe.") from None


@contextmanager
def _process(
    job: Job, environment: Mapping[str, str], place: Path | None, *, memory: int
) -> Iterator["subprocess.Popen[bytes]"]:
    import cloudpickle

    pickled = cloudpickle.dumps(job)
    with TemporaryDirectory(prefix="teleprompt-program-") as folder:
        # A program that logs what it does at import logs it there, not among the calls of production.
        nowhere = {"MLFLOW_TRACKING_URI": f"sqlite:///{folder}/mlflow.db"}
        process = subprocess.Popen(
            [sys.executable, "-m", WORKER, str(memory)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**nowhere, **environment},
            cwd=place,
            start_new_session=True,
        )
        threading.Thread(target=_drain, args=(process,), name="program-output", daemon=True).start()
        _under_way.add(process)
        try:
            assert process.stdin is not None  # noqa: S101 - a pipe was asked for
            with suppress(BrokenPipeError):
                process.stdin.write(HEAD.pack(len(pickled)) + pickled)  # through a pipe: keys are in it
                process.stdin.flush()
            yield process
        finally:
            _under_way.discard(process)
            _end(process)


def end_all() -> None:
    """End all processes that threads of this one wait for: an interrupt reaches the main thread alone."""
    for process in list(_under_way):
        _end(process)


def _messages(
    process: "subprocess.Popen[bytes]", title: str, *, seconds: float, memory_gb: float
) -> Iterator[dict[str, Any]]:
    """What the process says, until it ends or breaks a limit."""
    assert process.stdout is not None  # noqa: S101 - a pipe was asked for
    deadline, look_at = time.monotonic() + seconds, 0.0
    waiting = bytearray()
    with DefaultSelector() as selector:
        selector.register(process.stdout, EVENT_READ)
        while True:
            now = time.monotonic()
            if now >= deadline:
                raise ProgramTimeoutError(title, seconds)
            if now >= look_at:
                look_at = now + TICK_SECONDS
                _check_size(process.pid, title, memory_gb)
            if not selector.select(min(deadline, look_at) - now):
                continue
            some = os.read(process.stdout.fileno(), 2**16)
            if not some:
                return
            *lines, waiting = (waiting + some).split(b"\n")
            if len(waiting) > MOST_BYTES:
                raise TelepromptError(
                    f"{title} gave an answer of more than {MOST_BYTES} bytes; make the program smaller."
                )
            for line in lines:
                message = _parsed(line)
                if message.get("step") is True:
                    deadline = time.monotonic() + seconds
                yield message


def _parsed(line: bytes | bytearray) -> dict[str, Any]:
    """The message, or nothing: program code can write to the pipe if it looks for it."""
    try:
        message = json.loads(line)
    except ValueError:
        return {}
    return message if isinstance(message, dict) else {}


def _check_size(pid: int, title: str, memory_gb: float) -> None:
    count, memory = count_and_memory(pid)
    if count > MOST_PROCESSES:
        raise TelepromptError(f"{title} started more than {MOST_PROCESSES} processes; correct the program.")
    if memory > memory_gb * GIB:
        raise ProgramMemoryError(title, memory_gb)


def _drain(process: "subprocess.Popen[bytes]") -> None:
    """Take what the program prints, so that it never waits; shown to who debugs, for it may be a user's text."""
    assert process.stderr is not None  # noqa: S101 - a pipe was asked for
    left = MOST_PRINTED
    with process.stderr as printed:
        while some := os.read(printed.fileno(), 2**16):
            if left > 0:
                log.debug("%s", one_line(some.decode(errors="replace"), most=left))
            left -= len(some)


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End the process and all that it started: ask, wait, and make sure."""
    if process.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(GRACE_SECONDS)
    end_session(process.pid)
    process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with suppress(OSError):
                pipe.close()


def one_line(text: str, *, most: int = 600) -> str:
    """`text` without breaks and control characters, and not too long."""
    plain = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return plain if len(plain) <= most else f"{plain[:most]}…"
