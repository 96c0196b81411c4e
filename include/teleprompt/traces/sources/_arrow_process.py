"""A child process that is asked line by line and answers each line with Arrow tables.

It is a fresh interpreter, not a fork: MLflow, Arrow and SQLite hold connections, threads and locks that do not survive
one. A child pays for its imports at every start, so this file imports nothing large. A line is one JSON value; an
answer is an Arrow stream and a word that shows that the stream is whole.
"""

import fcntl
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

READY = b"ready"
DONE = b"done"
FAILED = b"fail"
"""In place of `DONE`: the stream ended early, and a line of JSON says why."""

PIPE_BYTES = 2**20
"""What Linux lets any user's pipe hold."""


class AnswerError(Exception):
    """The process lives, and has no whole answer."""


class ArrowProcess:
    """Starts when it is first needed and answers until it is closed; one that died is started anew."""

    def __init__(self, start: str, hello: str) -> None:
        """`start` is the child's Python code; `hello` its first line, which other users of the machine cannot read."""
        self._start = start
        self._hello = hello
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Return when it can be asked.

        Raises:
            OSError, EOFError: it does not start.
        """
        if self._process is not None and self._process.poll() is None:
            return
        self.close()
        path = os.pathsep.join(place for place in sys.path if place)  # it finds what this process finds
        self._process = subprocess.Popen(
            [sys.executable, "-c", self._start],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": path},
        )
        _widen(self._process.stdout)
        self._send(json.dumps(self._hello))
        self._expect(READY)

    def ask(self, line: str) -> "pa.Table":
        """The answer to one line of JSON.

        Raises:
            AnswerError: it says why it has no whole answer.
            OSError, EOFError, pa.ArrowException: the process died on the way.
        """
        import pyarrow as pa

        self._send(line)
        with pa.ipc.open_stream(self._pipe("stdout")) as stream:
            table = stream.read_all()
        self._expect(DONE)  # a stream that ends early looks like one that is whole
        return table

    def _expect(self, word: bytes) -> None:
        stdout = self._pipe("stdout")
        said = stdout.read(len(word))
        if said == FAILED:
            raise AnswerError(json.loads(stdout.readline()))
        if said != word:
            raise EOFError("the process ended")

    def kill(self) -> None:
        """End it, whatever it does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def close(self) -> None:
        """End it, and give back what it held."""
        if self._process is None:
            return
        self.kill()
        for name in ("stdin", "stdout"):
            with suppress(OSError):
                self._pipe(name).close()
        self._process = None

    def _pipe(self, name: str) -> IO[bytes]:
        pipe = getattr(self._process, name)
        if pipe is None:
            raise EOFError("the process was not started")
        return pipe  # type: ignore[no-any-return]

    def _send(self, line: str) -> None:
        stdin = self._pipe("stdin")
        stdin.write(line.encode() + b"\n")
        stdin.flush()


def _widen(pipe: IO[bytes] | None) -> None:
    """Let a pipe hold more, where the system allows it: each fill of it is a turn of both processes."""
    if pipe is not None and hasattr(fcntl, "F_SETPIPE_SZ"):
        with suppress(OSError):
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, PIPE_BYTES)


class Asker:
    """The parent as its child sees it."""

    def __init__(self, sink: IO[bytes]) -> None:
        self.hello: str = json.loads(sys.stdin.readline())
        self._sink = sink

    def lines(self) -> Iterator[Any]:
        """What is asked, line by line, until the parent closes the pipe. The first asks whether the child is ready."""
        self._sink.write(READY)
        self._sink.flush()
        while line := sys.stdin.readline():
            yield json.loads(line)

    @contextmanager
    def answer(self, schema: "pa.Schema") -> "Iterator[pa.ipc.RecordBatchStreamWriter]":
        """Where the tables of one answer are written; it is whole only if the block ends without an exception.

        An `AnswerError` ends the answer, and is the parent's.
        """
        import pyarrow as pa

        end = DONE
        try:
            with pa.ipc.new_stream(self._sink, schema) as stream:
                yield stream
        except AnswerError as error:
            end = FAILED + json.dumps(str(error)).encode() + b"\n"
        self._sink.write(end)
        self._sink.flush()


@contextmanager
def asker() -> Iterator[Asker]:
    """The parent, for a child's code; whatever libraries print goes to standard error, not between the answers."""
    sink = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    with sink:
        yield Asker(sink)
