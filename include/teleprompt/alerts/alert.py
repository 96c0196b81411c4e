"""One thing that somebody should know."""

import hashlib
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, Field

from teleprompt.config.alerts import AlertEvent
from teleprompt.encoding.text import visible
from teleprompt.records import Record

PAGES = "/teleprompt/ui"
"""Where the pages are, below Airflow's address."""


class Alert(Record):
    """One event of one program."""

    event: AlertEvent
    program: str
    """Its file's name."""
    text: Annotated[str, AfterValidator(visible)]
    """What happened, in one or two sentences."""
    cause: str
    """What it is about: a run, a change, a transaction. The same event of the same cause is the same alert."""
    at: AwareDatetime
    page: str | None = None
    """Where people see more: a path below Airflow's address, or, once it is sent, all of it where that is known."""
    html: str | None = None
    """A whole page, for a notifier that sends mail."""
    facts: dict[str, float | int | str | None] = Field(default_factory=dict)
    """Figures, for those who filter by them."""

    @property
    def title(self) -> str:
        """A subject line."""
        return f"{self.program}: {self.event.value.replace('_', ' ')}"

    @property
    def alert_id(self) -> str:
        """The same for the same alert, however often it is sent."""
        text = "\n".join((self.event.value, self.program, self.cause))
        return f"alert_{hashlib.sha256(text.encode()).hexdigest()[:32]}"
