"""A second process that reads spans of runs by MLflow's client.

Where the client reads a database itself, nearly all of its time is Python's, so another process reads beside this one.
It is a fresh interpreter, not a fork: MLflow and Arrow hold connections and threads that do not survive one.
"""

import json
import os
import subprocess
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from include.teleprompt.config.settings import PROJECT_ROOT
from include.teleprompt.records import Record
from include.teleprompt.traces.sources.raw import raw_schema
from include.teleprompt.traces.sources.runs_client import RunsClientSource
from include.teleprompt.window import Window

if TYPE_CHECKING:
    import pyarrow as pa

READY = b"ready"
DONE = b"done"
START = "from include.teleprompt.traces.sources.second_process import serve; serve()"


class SpanOfRuns(Record):
    """What is asked of the process; one line of JSON."""

    experiment_ids: tuple[str, ...]
    page_size: int
    program: str
    span: Window


class SecondProcess:
    """Starts when it is first needed, and stays for the next program; one that died is started anew."""

    def __init__(self, tracking_uri: str) -> None:
        self._tracking_uri = tracking_uri
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Return when it can be asked.

        Raises:
            OSError, EOFError: it does not start.
        """
        if self._process is not None and self._process.poll() is None:
            return
        self.close()
        path = os.pathsep.join([str(PROJECT_ROOT), os.environ.get("PYTHONPATH", "")])
        self._process = subprocess.Popen(
            [sys.executable, "-c", START],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": path},
        )
        self._send(json.dumps(self._tracking_uri))  # not an argument: others could read the password in it
        self._expect(READY)

    def read(self, asked: SpanOfRuns) -> "list[pa.Table]":
        """The runs of one span, a page each.

        Raises:
            OSError, EOFError, pa.ArrowException: the process died on the way.
        """
        import pyarrow as pa

        assert self._process is not None  # noqa: S101 - started
        assert self._process.stdout is not None  # noqa: S101 - a pipe was asked for
        self._send(asked.model_dump_json())
        with pa.ipc.open_stream(self._process.stdout) as stream:
            tables = [pa.Table.from_batches([batch]) for batch in stream]
        self._expect(DONE)  # a stream that ends early looks like one that is whole
        return tables

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
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()
        self._process = None

    def _send(self, line: str) -> None:
        assert self._process is not None  # noqa: S101 - started
        assert self._process.stdin is not None  # noqa: S101 - a pipe was asked for
        self._process.stdin.write(line.encode() + b"\n")
        self._process.stdin.flush()

    def _expect(self, word: bytes) -> None:
        assert self._process is not None  # noqa: S101 - started
        assert self._process.stdout is not None  # noqa: S101 - a pipe was asked for
        if self._process.stdout.read(len(word)) != word:
            raise EOFError("the second process ended")


def serve() -> None:
    """The process: a tracking URI on standard input, then spans; each is answered by one Arrow stream."""
    import pyarrow as pa

    from include.teleprompt.environment import quiet_libraries
    from include.teleprompt.tracking.connection import mlflow_client

    quiet_libraries()
    sink = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # whatever libraries print must not get between
    with mlflow_client(json.loads(sys.stdin.readline())) as client:
        sink.write(READY)
        sink.flush()
        while line := sys.stdin.readline():
            asked = SpanOfRuns.model_validate_json(line)
            source = RunsClientSource(client, asked.experiment_ids, page_size=asked.page_size)
            with pa.ipc.new_stream(sink, raw_schema()) as stream:
                for table in source.read(asked.program, asked.span):
                    stream.write_table(table)
            sink.write(DONE)
            sink.flush()
