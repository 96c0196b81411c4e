"""The first task of a program's DAG."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

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
from teleprompt_airflow.hooks.settings import settings_from_connections
from teleprompt_airflow.metrics import gauge
from teleprompt_airflow.operators.base import actor_of, domain_errors
from teleprompt_airflow.run_window import asked_by, overrides_of, resolve_window, run_type, was_asked_for
from teleprompt_airflow.triggers.trace_volume import TraceVolumeTrigger

if TYPE_CHECKING:
    from mlflow import MlflowClient

    from teleprompt.records import Digest
    from teleprompt.traces.volume import Volume
    from teleprompt.tracking.run_key import RunKey


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
        from teleprompt.program.entry_point import code_file, file_digest
        from teleprompt.program.fingerprint import run_key
        from teleprompt.tracking.connection import mlflow_client
        from teleprompt.tracking.pipeline_run import PipelineRun

        found = _volume(settings, config, window)
        outcomes = "unknown" if found.new_outcomes is None else found.new_outcomes
        self.log.info("%d calls and %s new outcomes in %s", found.calls, outcomes, window)
        gauge("window_calls", found.calls, program=self.program)
        if found.calls < config.optimization.min_traces:
            raise InsufficientTracesError(
                found.calls, config.optimization.min_traces, program=config.name, window=str(window)
            )
        code = file_digest(code_file(settings.programs_dir / "_", config.entry_point))
        key = run_key(config, code_digest=code, settings=settings, window=window)
        with mlflow_client(settings.tracking_uri) as client:
            run = PipelineRun.open(client, key)  # here, before tasks that run side by side would each make one
            run.tag(dag_run_id=context["dag_run"].run_id, run_type=run_type(context))
            self._write_down(client, config, settings, code, key, context)
        return {
            "window": window.model_dump(mode="json"),
            "count": found.calls,
            "new_outcomes": found.new_outcomes,
            "key": key.digest,
        }

    def _write_down(
        self,
        client: "MlflowClient",
        config: ProgramConfig,
        settings: Settings,
        code: "Digest",
        key: "RunKey",
        context: Any,
    ) -> None:
        """Who asked for this run, with which configuration, for the audit trail."""
        from teleprompt.program.fingerprint import code_digest
        from teleprompt.registry.audit_trail import Deed, Done, append, record_changes
        from teleprompt.registry.configuration_log import record_configuration

        run, overrides = context["dag_run"], overrides_of(context["params"])
        record_changes(client, config.name)
        as_written = load_program_file(find_program_file(settings.programs_dir, self.program)) if overrides else config
        record_configuration(
            client,
            as_written,
            code=code_digest(config, own=code, settings=settings),
            models=settings.models,
            who=actor_of(context),
            about=run.run_id,
        )
        asked = {"window": str(key.window), "run_type": run_type(context), **overrides}
        about = f"{run.run_id} {key.digest}"
        append(client, config.name, Done(deed=Deed.RUN, who=asked_by(context), about=about, after=asked))


def _last_start(config: ProgramConfig, settings: Settings, context: Any, *, now: datetime) -> datetime | None:
    """When the run before began, where the program file cares."""
    if not config.scheduling.min_gap_hours or run_type(context) == BACKFILL:
        return None
    from teleprompt.environment import quiet_libraries
    from teleprompt.tracking.connection import mlflow_client

    quiet_libraries()
    with mlflow_client(settings.tracking_uri) as client:
        return last_start(client, config.name, besides=context["dag_run"].run_id, now=now)


def _has_enough(settings: Settings, config: ProgramConfig, window: Window, *, enough: int) -> bool:
    from teleprompt.environment import quiet_libraries
    from teleprompt.traces.volume import Question, has_enough
    from teleprompt.tracking.connection import mlflow_client

    quiet_libraries()
    with mlflow_client(settings.tracking_uri) as client:
        (answer,) = has_enough(client, [Question(config, window, enough)])
    if isinstance(answer, TelepromptError):
        raise answer
    return answer


def _volume(settings: Settings, config: ProgramConfig, window: Window) -> "Volume":
    from teleprompt.environment import quiet_libraries
    from teleprompt.traces.volume import volume
    from teleprompt.tracking.connection import mlflow_client

    quiet_libraries()
    with mlflow_client(settings.tracking_uri) as client:
        return volume(client, config=config, window=window, enough=config.optimization.min_traces)
