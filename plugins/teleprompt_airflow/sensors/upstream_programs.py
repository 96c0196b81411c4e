"""Programs whose runs come first."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from airflow.sdk import Asset, BaseSensorOperator

from teleprompt.config.files import find_program_file, load_program_file
from teleprompt.config.settings import Settings
from teleprompt.window import Window
from teleprompt_airflow.run_window import resolve_window, run_type

EVENTS = 200


class UpstreamProgramsSensor(BaseSensorOperator):
    """Waits until other programs have ended a run that reaches as far as this one's window.

    A run that these programs started, or that somebody asked for, goes on at once. It takes no worker between looks.

    :param program: the program's name on the command line.
    :param upstream: assets of the programs that come first; each of their events says how far its run reached.
    :param patience: how long to wait for them; after that the task fails.
    """

    def __init__(self, *, program: str, upstream: list[Asset], patience: timedelta, **kwargs: Any) -> None:
        timing = {"mode": "reschedule", "poke_interval": 60, "timeout": patience.total_seconds()}
        super().__init__(inlets=upstream, **{**timing, **kwargs})
        self.program = program
        self.upstream = upstream

    def poke(self, context: Any) -> bool:
        """Look at the newest events of each."""
        if run_type(context) not in {"scheduled", "backfill"}:
            return True
        config = load_program_file(find_program_file(Settings().programs_dir, self.program))
        end = resolve_window(context, lookback=config.lookback).end
        missing = [asset.name for asset in self.upstream if not _reached(context["inlet_events"][asset], end)]
        if missing:
            self.log.info("Waiting for %s to reach %s", ", ".join(missing), end)
        return not missing


def _reached(events: Any, end: datetime) -> bool:
    newest = events.ascending(False).limit(EVENTS)
    ends = (ended_at(event.extra or {}) for event in newest)
    return any(reached is not None and reached >= end for reached in ends)


def ended_at(extra: Mapping[str, Any]) -> datetime | None:
    """How far an event says that a run reached; None if it says nothing, as one that somebody made by hand."""
    try:
        return Window.model_validate({"start": extra["window_start"], "end": extra["window_end"]}).end
    except (KeyError, TypeError, ValueError):
        return None
