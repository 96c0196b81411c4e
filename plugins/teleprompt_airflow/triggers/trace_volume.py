"""Waiting until enough calls were logged."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.triggers.base import BaseEventTrigger, BaseTrigger, TriggerEvent

from teleprompt.errors import TrackingUnavailableError
from teleprompt.window import Window, format_utc
from teleprompt_airflow.triggers._shared_look import Ask, has_enough

WATERMARK = "watermark"


class TraceVolumeTrigger(BaseTrigger):
    """Fires when a window holds enough calls, or at its deadline.

    The event is `{"seen_at": ISO time}`, or `{"error": …}` when MLflow does not answer even then.

    :param program: the program's name on the command line.
    :param window_start: first moment of the window, ISO 8601.
    :param enough: number of calls to wait for.
    :param deadline: moment at which to fire in any case, ISO 8601.
    :param poll_seconds: pause between two looks.
    """

    def __init__(self, *, program: str, window_start: str, enough: int, deadline: str, poll_seconds: float) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.program = program
        self.window_start = window_start
        self.enough = enough
        self.deadline = deadline
        self.poll_seconds = poll_seconds

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Path and arguments, from which the triggerer makes it anew."""
        return (
            f"{type(self).__module__}.{type(self).__qualname__}",
            {
                "program": self.program,
                "window_start": self.window_start,
                "enough": self.enough,
                "deadline": self.deadline,
                "poll_seconds": self.poll_seconds,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look, and look again, until there are enough or the deadline has come."""
        start, deadline = datetime.fromisoformat(self.window_start), datetime.fromisoformat(self.deadline)
        while True:
            now = datetime.now(UTC).replace(microsecond=0)
            end = max(min(now, deadline), start + timedelta(milliseconds=1))
            try:
                ready = await has_enough(Ask(self.program, Window(start=start, end=end), self.enough))
            except TrackingUnavailableError as error:
                self.log.warning("%s", error)
                if now >= deadline:
                    yield TriggerEvent({"error": str(error)})
                    return
            else:
                if ready or now >= deadline:
                    yield TriggerEvent({"seen_at": format_utc(end)})
                    return
            await asyncio.sleep(self.poll_seconds)


class NewTracesTrigger(BaseEventTrigger):
    """Announces each time that enough new calls were logged, for event-driven DAGs.

    The event is `{"window_start": …, "window_end": …}`: the span since the one before.

    :param program: the program's name on the command line.
    :param enough: new calls that are announced at once.
    :param least: new calls that are announced after `max_wait_seconds`.
    :param max_wait_seconds: see `least`.
    :param min_gap_seconds: at least so long between two announcements.
    :param poll_seconds: pause between two looks.
    """

    def __init__(
        self,
        *,
        program: str,
        enough: int,
        least: int,
        max_wait_seconds: float,
        min_gap_seconds: float = 0,
        poll_seconds: float = 60,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.program = program
        self.enough = enough
        self.least = least
        self.max_wait_seconds = max_wait_seconds
        self.min_gap_seconds = min_gap_seconds
        self.poll_seconds = poll_seconds

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Path and arguments, from which the triggerer makes it anew."""
        return (
            f"{type(self).__module__}.{type(self).__qualname__}",
            {
                "program": self.program,
                "enough": self.enough,
                "least": self.least,
                "max_wait_seconds": self.max_wait_seconds,
                "min_gap_seconds": self.min_gap_seconds,
                "poll_seconds": self.poll_seconds,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Watch for ever; the moment up to which calls were announced outlives a restart."""
        since = await self._watermark()
        while True:
            now = datetime.now(UTC).replace(microsecond=0)
            since_last = (now - since).total_seconds()
            if since_last > self.min_gap_seconds:
                waited = since_last >= self.max_wait_seconds
                wanted = min(self.enough, self.least) if waited else self.enough
                try:
                    ready = await has_enough(Ask(self.program, Window(start=since, end=now), wanted))
                except TrackingUnavailableError as error:
                    self.log.warning("%s", error)
                    ready = False
                if ready:
                    yield TriggerEvent({"window_start": format_utc(since), "window_end": format_utc(now)})
                    since = now
                    await asyncio.sleep(self.poll_seconds)
                    await self._keep(since)  # not before the event is in the database: rather twice than never
                    continue
            await asyncio.sleep(self.poll_seconds)

    async def _watermark(self) -> datetime:
        store = self.asset_state_store
        kept = await store.aget(WATERMARK) if store is not None else None
        if kept:
            return datetime.fromisoformat(str(kept))
        since = datetime.now(UTC).replace(microsecond=0)
        await self._keep(since)
        return since

    async def _keep(self, moment: datetime) -> None:
        if self.asset_state_store is not None:
            await self.asset_state_store.aset(WATERMARK, format_utc(moment))
