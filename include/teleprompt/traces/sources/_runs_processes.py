"""Reading runs by MLflow's client in two processes: of the window's spans whoever is free reads the next."""

import logging
from collections.abc import Iterator, Sequence
from queue import Queue
from threading import Lock, Semaphore, Thread
from typing import TYPE_CHECKING, Self

from teleprompt.traces.sources._runs_client import RunsClientSource
from teleprompt.traces.sources._second_process import SecondProcess, SpanOfRuns
from teleprompt.window import Window

if TYPE_CHECKING:
    import pyarrow as pa
    from mlflow import MlflowClient

log = logging.getLogger(__name__)

WORTH_IT = 3
"""Spans from which the two or three seconds of starting a process are made up for."""

MOST_A_PAGE = 3500
"""Two processes hold a page each as entities, some 25 KB a run."""

AHEAD = 1
"""Spans that the other process may be ahead: what is held in memory."""


class RunsProcessesSource(RunsClientSource):
    """Reads MLflow runs through `MlflowClient.search_runs`, in two processes if there are many."""

    def __init__(
        self, client: "MlflowClient", experiment_ids: Sequence[str], *, page_size: int, second_process: SecondProcess
    ) -> None:
        super().__init__(client, experiment_ids, page_size=min(page_size, MOST_A_PAGE))
        self._second_process = second_process

    def _spans(self, program: str, spans: Sequence[Window]) -> Iterator["pa.Table"]:
        """The runs of consecutive spans; whoever is free reads the next one."""
        if len(spans) < WORTH_IT:
            yield from super()._spans(program, spans)
            return
        asked = [
            SpanOfRuns(
                experiment_ids=tuple(self._experiment_ids), page_size=self._page_size, program=program, span=span
            )
            for span in spans
        ]
        with _Other(self._second_process, asked) as other:
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
    """A thread that hands the other process spans and takes over what it has read."""

    def __init__(self, process: SecondProcess, asked: Sequence[SpanOfRuns]) -> None:
        self._process = process
        self._asked = asked
        self._lock = Lock()
        self._taken = [False] * len(asked)
        self._results: list[Queue[list[pa.Table] | None]] = [Queue() for _ in asked]
        self._ahead = Semaphore(AHEAD)
        self._ended = False

    def __enter__(self) -> Self:
        self._thread = Thread(target=self._hand_out, name="mlflow-runs", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended = True
        self._ahead.release()
        if not all(self._taken):
            self._process.kill()  # the reader gave up; nobody waits for what is under way
        self._thread.join()

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

        number: int | None = None
        try:
            self._process.start()
            while not self._ended:
                self._ahead.acquire()
                number = None if self._ended else self.take()
                if number is None:
                    return
                self._results[number].put(self._process.read(self._asked[number]))
        except (pa.ArrowException, OSError, EOFError):
            log.debug("reading from the second process", exc_info=True)
            self._process.kill()
            if number is not None:
                self._results[number].put(None)
