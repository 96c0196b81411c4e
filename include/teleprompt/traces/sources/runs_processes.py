"""Reading runs by MLflow's client in two processes.

Where MLflow's client reads a database itself, nearly all of its time is Python's; a second process halves it. Of the
window's spans whoever is free reads the next.
"""

import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from queue import Queue
from threading import Lock, Semaphore, Thread
from typing import TYPE_CHECKING, Any, Self

from include.teleprompt.config.settings import PROJECT_ROOT
from include.teleprompt.traces.sources.raw import raw_schema
from include.teleprompt.traces.sources.runs_client import RunsClientSource
from include.teleprompt.window import Window

if TYPE_CHECKING:
    import pyarrow as pa

log = logging.getLogger(__name__)

WORTH_IT = 3
"""Spans from which the two or three seconds of starting a process are made up for."""

AHEAD = 1
"""Spans that the other process may be ahead: what is held in memory."""

READY = b"ready"
DONE = b"done"
START = "from include.teleprompt.traces.sources.runs_processes import serve; serve()"


class RunsProcessesSource(RunsClientSource):
    """Reads MLflow runs through `MlflowClient.search_runs`, in two processes if there are many."""

    def _spans(self, program: str, spans: Sequence[Window]) -> Iterator["pa.Table"]:
        """The runs of consecutive spans; whoever is free reads the next one."""
        if len(spans) < WORTH_IT:
            yield from super()._spans(program, spans)
            return
        order = {
            "tracking_uri": self._client.tracking_uri,
            "experiment_ids": self._experiment_ids,
            "page_size": self._page_size,
            "program": program,
        }
        with _Other(order, spans) as other:
            own: dict[int, list[pa.Table]] = {}
            for i, span in enumerate(spans):
                while i not in own and not other.has_read(i) and len(own) < AHEAD:
                    free = other.take()
                    if free is None:
                        break
                    own[free] = list(self._span(program, spans[free]))
                tables = own.pop(i) if i in own else other.read(i)
                yield from self._span(program, span) if tables is None else tables


class _Other:
    """The other process, and a thread that hands it spans and takes over what it has read."""

    def __init__(self, order: dict[str, Any], spans: Sequence[Window]) -> None:
        self._order = order
        self._spans = spans
        self._lock = Lock()
        self._taken = [False] * len(spans)
        self._results: list[Queue[list[pa.Table] | None]] = [Queue() for _ in spans]
        self._ahead = Semaphore(AHEAD)
        self._ended = False

    def __enter__(self) -> Self:
        path = os.pathsep.join([str(PROJECT_ROOT), os.environ.get("PYTHONPATH", "")])
        self._process = subprocess.Popen(
            [sys.executable, "-c", START],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": path},
        )
        self._thread = Thread(target=self._hand_out, name="mlflow-runs", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended = True
        self._process.kill()
        self._ahead.release()
        self._thread.join()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()

    def take(self) -> int | None:
        """The next span that nobody reads; it then is the caller's."""
        with self._lock:
            free = next((i for i, taken in enumerate(self._taken) if not taken), None)
            if free is not None:
                self._taken[free] = True
        return free

    def has_read(self, i: int) -> bool:
        """Whether span `i` is the other's, and read."""
        return not self._results[i].empty()

    def read(self, i: int) -> "list[pa.Table] | None":
        """What the other read of its span `i`; None if it died."""
        tables = self._results[i].get()
        self._ahead.release()
        if tables is None:
            log.warning("The second process that reads runs ended early; this one goes on alone.")
        return tables

    def _hand_out(self) -> None:
        import pyarrow as pa

        requests, answers = self._process.stdin, self._process.stdout
        assert requests is not None  # noqa: S101 - pipes were asked for
        assert answers is not None  # noqa: S101
        number: int | None = None
        try:
            requests.write(json.dumps(self._order).encode() + b"\n")  # not an argument: others could read it
            requests.flush()
            if answers.read(len(READY)) != READY:
                return
            while not self._ended:
                self._ahead.acquire()
                number = None if self._ended else self.take()
                if number is None:
                    return
                requests.write(self._spans[number].model_dump_json().encode() + b"\n")
                requests.flush()
                with pa.ipc.open_stream(answers) as stream:
                    tables = [pa.Table.from_batches([batch]) for batch in stream]
                if answers.read(len(DONE)) != DONE:  # a stream that ends early looks like one that is whole
                    return
                self._results[number].put(tables)
                number = None
        except (pa.ArrowException, OSError):
            log.debug("reading from the second process", exc_info=True)
        finally:
            self._process.kill()
            if number is not None:
                self._results[number].put(None)


def serve() -> None:
    """The other process: an order on standard input, then spans; each is answered by one Arrow stream."""
    import pyarrow as pa

    from include.teleprompt.environment import quiet_libraries
    from include.teleprompt.tracking.connection import mlflow_client

    quiet_libraries()
    order = json.loads(sys.stdin.readline())
    sink = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # whatever libraries print must not get between
    with mlflow_client(order["tracking_uri"]) as client:
        source = RunsClientSource(client, order["experiment_ids"], page_size=order["page_size"])
        sink.write(READY)
        sink.flush()
        while line := sys.stdin.readline():
            with pa.ipc.new_stream(sink, raw_schema()) as stream:
                for table in source.read(order["program"], Window.model_validate_json(line)):
                    stream.write_table(table)
            sink.write(DONE)
            sink.flush()
