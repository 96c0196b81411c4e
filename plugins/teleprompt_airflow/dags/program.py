"""From program files to DAGs: one each, a visible one also for a file that cannot be used."""

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import (
    DAG,
    Asset,
    AssetAll,
    AssetAny,
    AssetOrTimeSchedule,
    AssetWatcher,
    BaseOperator,
    CronDataIntervalTimetable,
    get_parsing_context,
)

from teleprompt.config.cron import PRESETS
from teleprompt.config.dag_ids import MAINTENANCE_DAG_ID, REPORT_DAG_ID, dag_id, watch_dag_id
from teleprompt.config.dependencies import check_dependencies
from teleprompt.config.files import ProgramFileError, load_program_file, program_files, slug_of
from teleprompt.config.program import ProgramConfig
from teleprompt.config.settings import Settings
from teleprompt.program.entry_point import check_entry_point
from teleprompt_airflow.assets import ended_asset, traces_asset, version_asset
from teleprompt_airflow.notifications.deadline import deadline_of
from teleprompt_airflow.notifications.failure import FailureAlert
from teleprompt_airflow.operators import (
    AttestOperator,
    BaselineOperator,
    CollectOperator,
    CompileOperator,
    ConcludeOperator,
    DeltaOneBranchOperator,
    GateApprovalOperator,
    GateOperator,
    InvalidProgramOperator,
    PowerOperator,
    RegisterOperator,
    SelectOperator,
    SubmitOperator,
    TrialBranchOperator,
    WatchOperator,
)
from teleprompt_airflow.run_window import run_params
from teleprompt_airflow.sensors.trace_volume import TraceVolumeSensor
from teleprompt_airflow.sensors.upstream_programs import UpstreamProgramsSensor
from teleprompt_airflow.triggers.trace_volume import NewTracesTrigger

if TYPE_CHECKING:
    from airflow.sdk.execution_time.hitl import HITLUser

RETRIES = {
    "retries": 2,
    "retry_delay": timedelta(seconds=30),
    "retry_exponential_backoff": True,
    "max_retry_delay": timedelta(minutes=15),
}

CHAIN_POOL = "teleprompt_chain"
"""Of one slot: who takes nonces for the signer takes them one after the other."""


def program_dags(programs_dir: Path | None = None) -> Iterator[DAG]:
    """The DAG of each program file, by default of the settings' folder; only one where Airflow parses for its task."""
    programs_dir = programs_dir or Settings().programs_dir
    wanted = get_parsing_context().dag_id
    seen: set[str] = set()
    for file in program_files(programs_dir):
        own_id = dag_id(slug_of(file))
        if own_id in seen:
            own_id = dag_id(file.name)  # `draft.yml` beside `draft.yaml`
            yield invalid_program_dag(own_id, f"{file.name}: there is another file of that name; remove one.")
        elif own_id in {MAINTENANCE_DAG_ID, REPORT_DAG_ID}:
            problem = f"{file.name}: {own_id} is a DAG for all programs; give the file another name."
            yield invalid_program_dag(dag_id(file.name), problem)
        elif wanted is None or wanted in {own_id, watch_dag_id(slug_of(file))}:
            yield from (dag for dag in _dags_of_file(file, own_id) if wanted is None or dag.dag_id == wanted)
        seen.add(own_id)


def _dags_of_file(file: Path, own_id: str) -> list[DAG]:
    """The DAG of a program and the one that watches it; one that says what is wrong if the file cannot be used."""
    try:
        config = load_program_file(file)
        check_entry_point(file, config.entry_point)
        check_dependencies(file, config)
        watched = [watch_dag(config)] if config.watch.enabled and config.optimization.enable_deltaone_check else []
        return [program_dag(config, source=file.read_text(encoding="utf-8")), *watched]
    except ProgramFileError as error:
        return [invalid_program_dag(own_id, str(error))]
    except Exception as error:  # noqa: BLE001 - an exception here would take every other program's DAG away
        return [invalid_program_dag(own_id, f"{file.name}: {type(error).__name__}: {error}; correct the file.")]


def program_dag(config: ProgramConfig, *, source: str) -> DAG:
    """The DAG of one program; `source`, its file, is shown in the DAG's documentation."""
    with DAG(
        dag_id=dag_id(config.slug),
        description=config.description or f"Improves {config.name} from its traces",
        doc_md=_documentation(config, source),
        schedule=_schedule(config),
        start_date=datetime.combine(config.start_date, time(), tzinfo=UTC),
        catchup=False,
        max_active_runs=1,
        params=run_params(config),
        tags={"teleprompt", config.optimization.strategy.value},
        default_args=_default_args(config),
        deadline=deadline_of(config),
    ) as dag:
        _tasks(config)
    return dag


def _default_args(config: ProgramConfig) -> dict[str, Any]:
    return {
        **RETRIES,
        "priority_weight": config.scheduling.priority,
        "weight_rule": "absolute",
        "on_failure_callback": FailureAlert(program=config.slug),
    }


def invalid_program_dag(own_id: str, problem: str) -> DAG:
    """A DAG that says why a program's own DAG is not there."""
    with DAG(
        dag_id=own_id,
        description=problem,
        doc_md=f"### This program cannot run\n\n{problem}\n\n`teleprompt programs validate` checks the file.",
        schedule=None,
        start_date=datetime(2025, 1, 1, tzinfo=UTC),
        tags={"teleprompt", "invalid"},
    ) as dag:
        InvalidProgramOperator(task_id="invalid_program", problem=problem)
    return dag


def _tasks(config: ProgramConfig) -> None:
    wait = TraceVolumeSensor(
        task_id="wait_for_traces", program=config.slug, max_wait=timedelta(days=config.max_wait_days)
    )
    if config.scheduling.depends_on:
        upstream = [ended_asset(program) for program in config.scheduling.depends_on]
        patience = timedelta(days=config.max_wait_days)
        (
            UpstreamProgramsSensor(
                task_id="wait_for_programs", program=config.slug, upstream=upstream, patience=patience
            )
            >> wait
        )
    stage: dict[str, Any] = {"program": config.slug, "waited": wait.output}
    limited = {
        **stage,
        "pool": config.scheduling.pool,
        "execution_timeout": timedelta(seconds=config.optimization.timeout_seconds + 600),
    }
    collect = CollectOperator(task_id="collect", **stage)
    baseline = BaselineOperator(task_id="baseline", **stage)
    compiled = CompileOperator.partial(
        task_id="compile",
        snapshot=collect.output,
        baseline=baseline.output,
        map_index_template="seed {{ task.seed }}",
        **limited,
    ).expand(seed=list(config.optimization.seeds))
    select = SelectOperator(
        task_id="select",
        snapshot=collect.output,
        candidates=compiled.output,
        # Of several, a candidate that failed is one candidate.
        trigger_rule="none_skipped" if len(config.optimization.seeds) > 1 else "all_success",
        **limited,
    )
    last: list[BaseOperator] = [select]
    if config.optimization.enable_deltaone_check:
        power = PowerOperator(task_id="power", snapshot=collect.output, **stage)
        power >> compiled
        known: dict[str, Any] = {"snapshot": collect.output, "baseline": baseline.output}
        gate = GateOperator(
            task_id="gate",
            selection=select.output,
            # While a candidate is on trial none is selected.
            trigger_rule="none_failed_min_one_success" if config.trial is not None else "all_success",
            **known,
            **limited,
        )
        if config.trial is not None:
            collect >> baseline  # so that all that the gate waits for is skipped where nothing is collected
            trial = TrialBranchOperator(task_id="trial", on_trial="gate", otherwise="power", **known, **stage)
            trial >> [power, gate]
        last = _promotion(config, stage, gate.output)
    last >> ConcludeOperator(task_id="conclude", ended=ended_asset(config.slug), **stage)


def _promotion(config: ProgramConfig, stage: dict[str, Any], comparison: Any) -> list[BaseOperator]:
    """What follows the verdict; returns the tasks that come last.

    A version that has to prove itself first is attested by the watch.
    """
    register = RegisterOperator(task_id="register", **stage)
    first: BaseOperator = register
    if config.approval is not None:
        approvers: list[HITLUser] = [{"id": name, "name": name} for name in config.approval.approvers]
        first = GateApprovalOperator(
            task_id="approval",
            comparison=comparison,
            subject=f"Promote the new version of {config.name}?",
            response_timeout=timedelta(hours=config.approval.timeout_hours),
            assigned_users=approvers or None,
            **stage,
        )
        first >> register
    branch = DeltaOneBranchOperator(
        task_id="deltaone", comparison=comparison, on_promote=first.task_id, otherwise="keep_champion"
    )
    keep = EmptyOperator(task_id="keep_champion")
    branch >> [first, keep]
    if config.rollout.share is not None:
        return [keep, register]
    attest = AttestOperator(
        task_id="attest",
        version=register.output,
        outlets=[version_asset(config.slug)],
        **stage,
    )
    if config.chain is None:
        return [keep, attest]
    return [keep, _submit(config, attest.output)]


def _submit(config: ProgramConfig, attestation: Any) -> SubmitOperator:
    return SubmitOperator(task_id="submit", program=config.slug, attestation=attestation, pool=CHAIN_POOL)


def watch_dag(config: ProgramConfig) -> DAG:
    """The small DAG that looks at what became of a program's versions in production.

    With a rollout new traces wake it, too: nothing waits for the next day.
    """
    schedule = PRESETS.get(config.watch.schedule, config.watch.schedule)
    timetable = CronDataIntervalTimetable(schedule, timezone="UTC")
    with DAG(
        dag_id=watch_dag_id(config.slug),
        description=f"Watches the versions of {config.name} in production",
        doc_md="Decides on the challenger by the outcomes of its calls, or compares the champion's outcomes since its "
        "promotion with those of the version before. A regression fails the run.",
        schedule=timetable
        if config.rollout.share is None
        else AssetOrTimeSchedule(timetable=timetable, assets=[_traces(config)]),
        start_date=datetime.combine(config.start_date, time(), tzinfo=UTC),
        catchup=False,
        max_active_runs=1,
        is_paused_upon_creation=False,  # it does nothing before the first version; paused, nobody would roll back
        tags={"teleprompt", "watch"},
        default_args=_default_args(config),
    ) as dag:
        watch = WatchOperator(task_id="watch", program=config.slug)
        if config.chain is not None and config.rollout.share is not None:
            _submit(config, watch.output)
    return dag


def _schedule(config: ProgramConfig) -> AssetOrTimeSchedule | Asset | AssetAny:
    """At its times, and whenever its traces' asset says that there are new ones.

    For `none` the latter alone, or when all programs that come first have ended a run.
    """
    traces = _traces(config)
    if config.cron is None:
        first = config.scheduling.depends_on
        return AssetAny(traces, AssetAll(*map(ended_asset, first))) if first else traces
    return AssetOrTimeSchedule(timetable=CronDataIntervalTimetable(config.cron, timezone="UTC"), assets=[traces])


def _traces(config: ProgramConfig) -> Asset:
    """Its new calls, with who announces them; alike in both of its DAGs, as Airflow knows an asset by its name."""
    watchers = []
    if config.new_traces is not None:
        trigger = NewTracesTrigger(
            program=config.slug,
            enough=config.new_traces,
            least=config.optimization.min_traces,
            max_wait_seconds=timedelta(days=config.max_wait_days).total_seconds(),
            min_gap_seconds=timedelta(hours=config.scheduling.min_gap_hours).total_seconds(),
        )
        watchers = [AssetWatcher(name=f"{config.slug}_new_traces", trigger=trigger)]
    return traces_asset(config.slug, watchers)


def _documentation(config: ProgramConfig, source: str) -> str:
    return (
        f"{config.description}\n\n"
        "Collects the window's traces, compiles candidates, compares the best one with the champion on sealed "
        "examples, and registers and attests it only when the gain is real.\n\n"
        f"`include/programs/{config.slug}.yaml`:\n\n```yaml\n{source}\n```\n"
    )
