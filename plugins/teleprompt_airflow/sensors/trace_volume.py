"""The first task of a program's DAG."""

from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk import BaseSensorOperator
from airflow.sdk.exceptions import AirflowSkipException

from include.teleprompt.config.files import find_program_file, load_program_file
from include.teleprompt.config.program import ProgramConfig
from include.teleprompt.config.settings import Settings
from include.teleprompt.errors import InsufficientTracesError
from include.teleprompt.window import Window, format_utc
from teleprompt_airflow.hooks.settings import settings_from_connections
from teleprompt_airflow.operators.base import domain_errors
from teleprompt_airflow.run_window import overrides_of, resolve_window
from teleprompt_airflow.triggers.trace_volume import TraceVolumeTrigger


class TraceVolumeSensor(BaseSensorOperator):
    """Waits until the run's window holds enough calls; returns the window and their number.

    A window that is over is looked at once: with too few calls a scheduled or backfilled run is skipped, and a run that
    somebody asked for fails. A window that is still open is waited for, without a worker, until there are enough calls
    or `max_wait` has passed since its start; then it ends at that moment.

    :param program: the program's name on the command line.
    :param max_wait: how long after the window's start to go on with what there is, if that is enough to run.
    """

    def __init__(self, *, program: str, max_wait: timedelta, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.program = program
        self.max_wait_after_start = max_wait

    def execute(self, context: Any) -> dict[str, Any]:
        """Look once; defer when the window is open and too empty."""
        with domain_errors():
            config, settings = self._config(context)
            window = resolve_window(context, lookback=config.lookback)
            now = datetime.now(UTC).replace(microsecond=0)
            is_open = window.end > now
            enough = (
                (config.new_traces or config.optimization.min_traces) if is_open else config.optimization.min_traces
            )
            seen = Window(start=window.start, end=min(window.end, now)) if window.start < now else None
            count = _count(settings, config, seen, enough=enough) if seen else 0
            if count >= enough and seen:
                return _found(seen, count)
            if not is_open:
                return self._too_few(context, config, window, count)
        deadline = min(window.end, window.start + self.max_wait_after_start)
        self.log.info("%d of %d calls in %s; waiting until %s", count, enough, window, deadline)
        return self.defer(
            trigger=TraceVolumeTrigger(
                program=self.program,
                window_start=format_utc(window.start),
                enough=enough,
                deadline=format_utc(deadline),
                poll_seconds=self.poke_interval,
            ),
            method_name="execute_complete",
        )

    def execute_complete(self, context: Any, event: dict[str, Any]) -> dict[str, Any]:
        """Go on when the trigger has fired."""
        with domain_errors():
            config, _ = self._config(context)
            start = resolve_window(context, lookback=config.lookback).start
            window = Window.model_validate({"start": start, "end": event["seen_at"]})
            if event["count"] < config.optimization.min_traces:
                return self._too_few(context, config, window, event["count"])
            return _found(window, event["count"])

    def _config(self, context: Any) -> tuple[ProgramConfig, Settings]:
        overrides = overrides_of(context["params"])
        config = load_program_file(find_program_file(Settings().programs_dir, self.program), overrides=overrides)
        return config, settings_from_connections(config.lm_conn_id)

    def _too_few(self, context: Any, config: ProgramConfig, window: Window, count: int) -> dict[str, Any]:
        error = InsufficientTracesError(count, config.optimization.min_traces, program=config.name, window=str(window))
        if str(context["dag_run"].run_type) == "manual":
            raise error
        raise AirflowSkipException(str(error))


def _count(settings: Settings, config: ProgramConfig, window: Window, *, enough: int) -> int:
    from include.teleprompt.environment import quiet_libraries
    from include.teleprompt.traces.collect import count_traces
    from include.teleprompt.tracking.connection import mlflow_client

    quiet_libraries()
    with mlflow_client(settings.tracking_uri) as client:
        return count_traces(client, config=config, window=window, enough=enough)


def _found(window: Window, count: int) -> dict[str, Any]:
    return {"window": window.model_dump(mode="json"), "count": count}
