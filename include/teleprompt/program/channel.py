"""What a process that runs program code says to its parent: lines of JSON."""

import json
import logging
import threading
import time
from collections.abc import Callable
from typing import BinaryIO, Protocol

from teleprompt.records import Record

TELL_SECONDS = 1.0
"""Between two times that a job tells on its way what it spent."""


class Kept(Protocol):
    """What holds lines that are not written yet."""

    def close(self) -> None:
        """Write them."""
        ...


class Channel(logging.Handler):
    """The way to the parent; safe to use from any thread."""

    def __init__(self, pipe: BinaryIO) -> None:
        super().__init__(logging.INFO)
        self._pipe = pipe
        self._sending = threading.Lock()
        self.to_close: list[Kept] = []
        """What is to be written out if the parent goes away."""
        self.spent: Callable[[], Record] | None = None
        """What the job has spent until now; None where it spends nothing."""
        self._told_at = 0.0

    def send(self, **message: object) -> None:
        """One line."""
        with self._sending:
            self._pipe.write(json.dumps(message).encode() + b"\n")

    def say(self, **message: object) -> None:
        """Tell the parent something that it waits for."""
        self.send(said=message)

    def step(self) -> None:
        """Tell the parent that the work goes on: its limit of time begins anew."""
        self.send(step=True)
        if time.monotonic() >= self._told_at + TELL_SECONDS:
            self.tell_spent()

    def tell_spent(self) -> None:
        """Tell the parent what was spent until now, in case that no result comes."""
        self._told_at = time.monotonic()
        if self.spent is not None:
            self.say(spent=self.spent().model_dump(mode="json"))

    def emit(self, record: logging.LogRecord) -> None:
        """A line of the log."""
        self.send(log=[record.levelno, record.name, record.getMessage()])


class Job(Protocol):
    """Work that imports program code; pickled on its way to the process that does it."""

    @property
    def title(self) -> str:
        """What is done, for messages: `Compiling seed 3`."""
        ...

    def run(self, channel: Channel) -> Record:
        """Do it."""
        ...
