"""What a process that runs program code says to its parent: lines of JSON."""

import json
import logging
import threading
from typing import BinaryIO, Protocol

from teleprompt.records import Record


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
