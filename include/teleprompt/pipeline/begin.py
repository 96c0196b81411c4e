"""How a run begins: enough calls, a key, a place for its records, and who asked for it."""

from typing import TYPE_CHECKING, Any

from teleprompt.config.files import find_program_file, load_program_file
from teleprompt.config.program import ProgramConfig
from teleprompt.config.settings import Settings
from teleprompt.errors import InsufficientTracesError
from teleprompt.program.code import code_of
from teleprompt.program.fingerprint import code_digest, run_key
from teleprompt.records import Digest, Record
from teleprompt.tracking.run_key import RunKey
from teleprompt.window import Window

if TYPE_CHECKING:
    from mlflow import MlflowClient


SKIPPED_WHEN_EMPTY = frozenset({"scheduled", "backfill", "asset_triggered"})
"""Types of runs that nobody asked for by hand."""


class Request(Record):
    """Who asks for a run, and how."""

    run_id: str
    """Of the scheduler; a tag of the run."""
    run_type: str
    """`manual`, `scheduled`, `backfill`, …"""
    asked_by: str
    actor: str
    """Who carries it out, for the audit trail."""
    overrides: dict[str, Any]
    """What differs from the program file, as that would write it."""


class BegunRun(Record):
    """A run that may go on."""

    window: Window
    count: int
    """Calls in the window."""
    new_outcomes: int | None
    """Outcomes that arrived in it; None where the source cannot say."""
    key: Digest


def begin_run(config: ProgramConfig, settings: Settings, window: Window, request: Request) -> BegunRun:
    """Open the run's record in MLflow, and write down who asked for it and with which configuration.

    Before tasks that run side by side would each make a record of their own.

    Raises:
        InsufficientTracesError: the window holds fewer calls than the program asks for. Of a run that nobody asked for
            by hand it is written down (`skipped_windows`).
        TrackingUnavailableError: MLflow does not answer.
    """
    from teleprompt.traces.found_instead import calls_instead
    from teleprompt.traces.sources.of_program import maturing
    from teleprompt.traces.volume import volume
    from teleprompt.tracking.connection import mlflow_client
    from teleprompt.tracking.pipeline_run import FIRST_COMPILE, FIRST_DAG_RUN, PipelineRun
    from teleprompt.tracking.skipped_windows import forget_skipped, write_skipped

    with mlflow_client(settings.tracking_uri) as client:
        found = volume(client, config=config, window=window, enough=config.optimization.min_traces)
        if found.calls < config.optimization.min_traces:
            error = InsufficientTracesError(
                found.calls,
                config.optimization.min_traces,
                program=config.name,
                window=str(window),
                instead=None if found.calls else calls_instead(client, config, maturing(window, config)),
            )
            if request.run_type in SKIPPED_WHEN_EMPTY:
                write_skipped(client, program=config.name, window=window, dag_run_id=request.run_id, why=str(error))
            raise error
        forget_skipped(client, program=config.name, window=window)
        code = code_of(find_program_file(settings.programs_dir, config.slug), config.entry_point).digest
        key = run_key(config, code_digest=code, settings=settings, window=window)
        run = PipelineRun.open(client, key)
        if not run.is_tagged(FIRST_DAG_RUN):
            run.tag(**{FIRST_DAG_RUN: request.run_id})
        run.tag(dag_run_id=request.run_id, run_type=request.run_type)
        run.restart(FIRST_COMPILE)
        _write_down(client, config, settings, code, key, request)
    return BegunRun(window=window, count=found.calls, new_outcomes=found.new_outcomes, key=key.digest)


def _write_down(
    client: "MlflowClient", config: ProgramConfig, settings: Settings, code: Digest, key: RunKey, request: Request
) -> None:
    from teleprompt.registry.audit_trail import AuditAction, AuditEvent, append, record_changes
    from teleprompt.registry.configuration_log import record_configuration

    record_changes(client, config.name)
    as_written = (
        load_program_file(find_program_file(settings.programs_dir, config.slug)) if request.overrides else config
    )
    record_configuration(
        client,
        as_written,
        code=code_digest(config, own=code, settings=settings),
        models=settings.models,
        who=request.actor,
        about=request.run_id,
    )
    asked = {"window": str(key.window), "run_type": request.run_type, **request.overrides}
    about = f"{request.run_id} {key.digest}"
    append(client, config.name, AuditEvent(deed=AuditAction.RUN, who=request.asked_by, about=about, after=asked))
