"""The first task of a program's DAG."""

from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.providers.standard.triggers.temporal import DateTimeTrigger
from airflow.sdk import BaseSensorOperator
from airflow.sdk.exceptions import AirflowException

from teleprompt.config.files import find_program_file, load_program_file
from teleprompt.config.program import ProgramConfig
from teleprompt.config.scheduling import earliest_start
from teleprompt.config.settings import Settings
from teleprompt.errors import InsufficientTracesError, TelepromptError
from teleprompt.tracking.last_start import BACKFILL, last_start
from teleprompt.window import Window, format_utc
from teleprompt_airflow.error_tags import tag_errors
from teleprompt_airflow.hooks.settings import settings_from_connections
from teleprompt_airflow.metrics import gauge
from teleprompt_airflow.operators.base import actor_of, domain_errors
from teleprompt_airflow.run_window import asked_by, overrides_of, resolve_window, run_type, was_asked_for
from teleprompt_airflow.triggers.trace_volume import TraceVolumeTrigger


class TraceVolumeSensor(BaseSensorOperator):
    """Waits until the run's window holds enough calls; returns the window, their number, that of
    the outcomes that arrived in it, and the run's key.

    A window that is over is looked at once: with too few calls a scheduled or backfilled run is skipped, and a run that
    somebody asked for fails. A window that is still open is waited for, without a worker, until there are enough calls
    or `max_wait` has passed since its start; then it ends at that moment.

    Before that it waits, without a worker, for the end of a blackout and for the gap that the program file asks for
    between two runs. A run that somebody asked for waits for neither, a backfill for the blackouts only.

    :param program: the program's name on the command line.
    :param max_wait: how long after the window's start to go on with what there is, if that is enough to run.
    """

    def __init__(self, *, program: str, max_wait: timedelta, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.program = program
        self.max_wait_after_start = max_wait

    def execute(self, context: Any) -> dict[str, Any] | None:
        """Look once; defer when the run may not begin yet, or the window is open and too empty."""
        with domain_errors(skip_without_traces=not was_asked_for(context)):
            config, settings = self._config(context)
            self._hold_back(config, settings, context)
            window = resolve_window(context, lookback=config.lookback)
            tag_errors(program=self.program, window=window)
            now = datetime.now(UTC).replace(microsecond=0)
            if window.end <= now:
                return self._found(config, settings, window, context)
            enough = config.new_traces or config.optimization.min_traces
            if window.start < now:
                so_far = Window(start=window.start, end=now)
                if _has_enough(settings, config, so_far, enough=enough):
                    return self._found(config, settings, so_far, context)
        deadline = min(window.end, max(now, window.start + self.max_wait_after_start))
        self.log.info("Fewer than %d calls in %s so far; waiting until %s", enough, window, deadline)
        self.defer(
            trigger=TraceVolumeTrigger(
                program=self.program,
                window_start=format_utc(window.start),
                enough=enough,
                deadline=format_utc(deadline),
                poll_seconds=self.poke_interval,
            ),
            method_name="execute_complete",
        )
        return None

    def execute_when_free(self, context: Any, event: object = None) -> dict[str, Any] | None:
        """Go on after a blackout or a gap, unless another has begun since."""
        del event
        return self.execute(context)

    def _hold_back(self, config: ProgramConfig, settings: Settings, context: Any) -> None:
        if was_asked_for(context):
            return
        now = datetime.now(UTC)
        begin = earliest_start(config.scheduling, now, last=_last_start(config, settings, context, now=now))
        if begin > now:
            self.log.info("The run waits until %s, for a blackout or the gap between two runs", begin)
            self.defer(trigger=DateTimeTrigger(moment=begin), method_name="execute_when_free")

    def execute_complete(self, context: Any, event: dict[str, Any]) -> dict[str, Any]:
        """Go on when the trigger has fired; where MLflow did not answer, Airflow tries again."""
        if "error" in event:
            raise AirflowException(event["error"])
        with domain_errors(skip_without_traces=not was_asked_for(context)):
            config, settings = self._config(context)
            start = resolve_window(context, lookback=config.lookback).start
            window = Window.model_validate({"start": start, "end": event["seen_at"]})
            return self._found(config, settings, window, context)

    def _config(self, context: Any) -> tuple[ProgramConfig, Settings]:
        file = find_program_file(Settings().programs_dir, self.program)
        config = load_program_file(file, overrides=overrides_of(context["params"]))
        return config, settings_from_connections(config)

    def _found(self, config: ProgramConfig, settings: Settings, window: Window, context: Any) -> dict[str, Any]:
        from teleprompt.environment import configure_third_party
        from teleprompt.pipeline.begin import Request, begin_run

        configure_third_party()
        request = Request(
            run_id=context["dag_run"].run_id,
            run_type=run_type(context),
            asked_by=asked_by(context),
            actor=actor_of(context),
            overrides=overrides_of(context["params"]),
        )
        try:
            begun = begin_run(config, settings, window, request)
        except InsufficientTracesError as error:
            gauge("window_calls", error.found, program=self.program)
            raise
        outcomes = "unknown" if begun.new_outcomes is None else begun.new_outcomes
        self.log.info("%d calls and %s new outcomes in %s", begun.count, outcomes, window)
        gauge("window_calls", begun.count, program=self.program)
        return begun.model_dump(mode="json")


def _last_start(config: ProgramConfig, settings: Settings, context: Any, *, now: datetime) -> datetime | None:
    """When the run before began, where the program file cares."""
    if not config.scheduling.min_gap_hours or run_type(context) == BACKFILL:
        return None
    from teleprompt.environment import configure_third_party
    from teleprompt.tracking.connection import mlflow_client

    configure_third_party()
    with mlflow_client(settings.tracking_uri) as client:
        return last_start(client, config.name, besides=context["dag_run"].run_id, now=now)


def _has_enough(settings: Settings, config: ProgramConfig, window: Window, *, enough: int) -> bool:
    from teleprompt.environment import configure_third_party
    from teleprompt.traces.volume import Question, has_enough
    from teleprompt.tracking.connection import mlflow_client

    configure_third_party()
    with mlflow_client(settings.tracking_uri) as client:
        (answer,) = has_enough(client, [Question(config, window, enough)])
    if isinstance(answer, TelepromptError):
        raise answer
    return answer
