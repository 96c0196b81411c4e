"""The runs of a program: those that Airflow runs, and what they left in MLflow."""

import hashlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

from airflow.api.common.mark_tasks import set_dag_run_state_to_failed
from airflow.models.dagbag import DBDagBag
from airflow.models.dagrun import DagRun
from airflow.utils.state import DagRunState
from airflow.utils.types import DagRunTriggeredByType
from fastapi import APIRouter, Header, Response
from pydantic import AwareDatetime, BaseModel, Field

from teleprompt.gate.comparison import Comparison
from teleprompt.queries.history import RunSummary, page_of_runs, read_comparison, read_run
from teleprompt.tracking.skipped_windows import SkippedWindow, list_skipped
from teleprompt.window import Window, format_utc
from teleprompt_airflow.api.access import ChangeRuns, Program, ReadRuns, StartRuns, User
from teleprompt_airflow.api.dag_runs import start_dag_run
from teleprompt_airflow.api.database import airflow_session
from teleprompt_airflow.api.problems import ConflictError, NotFoundError
from teleprompt_airflow.api.tracking import Cursor, Identifier, Limit, Mlflow

if TYPE_CHECKING:
    from mlflow import MlflowClient


router = APIRouter(tags=["runs"])

IdempotencyKey = Annotated[
    str | None,
    Header(pattern=r"^[ -~]{1,200}$", description="The same key starts one run, however often it is sent."),
]


class Runs(BaseModel):
    """A page of runs, newest first."""

    model_config = {"use_attribute_docstrings": True}

    runs: list[RunSummary]
    next_cursor: str | None
    skipped_windows: list[SkippedWindow]
    """With the first page: those of the schedule or a backfill that held too few traces, newest first."""


class RunRequest(BaseModel):
    """A run by hand; without a window it is about the program's lookback."""

    model_config = {"extra": "forbid"}

    window: Window | None = None
    min_traces: int | None = Field(None, ge=1, le=2**31 - 1)
    max_traces: int | None = Field(None, ge=1, le=2**31 - 1)
    min_quality_score: float | None = Field(None, ge=0, le=1)
    deltaone_threshold: float | None = Field(None, ge=0.000001, le=0.999999)

    def conf(self) -> dict[str, Any]:
        """What Airflow's form would give."""
        overrides = self.model_dump(exclude={"window"}, exclude_none=True)
        if self.window is None:
            return overrides
        window = {"window_start": format_utc(self.window.start), "window_end": format_utc(self.window.end)}
        return {**window, **overrides}


class TaskState(BaseModel):
    """One task of a DAG run; `map_index` is -1 unless it is one of several."""

    task_id: str
    map_index: int
    state: str | None
    try_number: int


class AirflowRun(BaseModel):
    """A DAG run of a program."""

    dag_id: str
    dag_run_id: str
    state: str
    asked_for_by: str | None
    run_after: AwareDatetime
    started_at: AwareDatetime | None
    ended_at: AwareDatetime | None
    tasks: list[TaskState]


@router.get("/programs/{program}/runs")
def list_runs(program: ReadRuns, client: Mlflow, limit: Limit = 20, cursor: Cursor = None) -> Runs:
    """What the program's runs found, newest first."""
    runs, following = page_of_runs(client, program=program.config.name, limit=limit, cursor=cursor)
    skipped = list_skipped(client, program.config.name, limit=limit) if cursor is None else []
    return Runs(runs=runs, next_cursor=following, skipped_windows=skipped)


@router.get("/programs/{program}/runs/{run_id}")
def show_run(program: ReadRuns, run_id: Identifier, client: Mlflow) -> RunSummary:
    """One run: how far it is, and what it found."""
    return _run_of(program, run_id, client)


@router.get("/programs/{program}/runs/{run_id}/gate")
def show_gate(program: ReadRuns, run_id: Identifier, client: Mlflow) -> Comparison:
    """The comparison on the sealed examples, with the score of each example under both programs."""
    found = _run_of(program, run_id, client)
    if found.delta_e6 is None:
        raise NotFoundError(found.skipped or f"The run {run_id} has compared nothing yet.")
    return read_comparison(client, found.run_id)


@router.post(
    "/programs/{program}/dag-runs", status_code=201, responses={200: {"description": "It was started before."}}
)
def start_run(
    program: StartRuns,
    user: User,
    response: Response,
    request: RunRequest | None = None,
    idempotency_key: IdempotencyKey = None,
) -> AirflowRun:
    """Start a run by hand, as Airflow's form does."""
    conf = (request or RunRequest()).conf()
    own_id = None if idempotency_key is None else _run_id_of(idempotency_key)
    by = DagRunTriggeredByType.REST_API
    with airflow_session() as session:
        started = start_dag_run(program, by=by, user=user, session=session, conf=conf, run_id=own_id)
        if not started.is_new:
            response.status_code = 200
        return _airflow_run(started.run, session)


@router.get("/programs/{program}/dag-runs/{dag_run_id}")
def show_dag_run(program: ReadRuns, dag_run_id: Identifier) -> AirflowRun:
    """A DAG run and the state of its tasks."""
    with airflow_session() as session:
        return _airflow_run(_dag_run(program, dag_run_id, session), session)


@router.post("/programs/{program}/dag-runs/{dag_run_id}/cancellation")
def cancel_run(program: ChangeRuns, dag_run_id: Identifier) -> AirflowRun:
    """Stop a DAG run; its tasks are failed. One that has ended stays as it is."""
    with airflow_session() as session:
        run = _dag_run(program, dag_run_id, session)
        if run.state not in (DagRunState.SUCCESS, DagRunState.FAILED):
            dag = DBDagBag().get_dag_for_run(run, session=session)
            if dag is None:
                raise ConflictError(f"Airflow has no DAG {program.dag_id} any more; look at the DAG processor's log.")
            set_dag_run_state_to_failed(dag=dag, run_id=dag_run_id, commit=True, session=session)
            session.flush()
            session.refresh(run)
        return _airflow_run(run, session)


def _run_of(program: Program, run_id: str, client: "MlflowClient") -> RunSummary:
    found = read_run(client, run_id)
    if found is None or found.program != program.config.name:
        raise NotFoundError(f"{program.slug} has no run {run_id!r}.")
    return found


def _run_id_of(key: str) -> str:
    """A DAG run's id that the key alone determines."""
    return f"api__{hashlib.sha256(key.encode()).hexdigest()[:32]}"


def _dag_run(program: Program, dag_run_id: str, session: Any) -> DagRun:
    found = DagRun.find(dag_id=program.dag_id, run_id=dag_run_id, session=session)
    if not found:
        raise NotFoundError(f"{program.dag_id} has no DAG run {dag_run_id!r}.")
    return found[0]


def _airflow_run(run: DagRun, session: Any) -> AirflowRun:
    return AirflowRun(
        dag_id=run.dag_id,
        dag_run_id=run.run_id,
        state=str(run.state),
        asked_for_by=run.triggering_user_name,
        run_after=run.run_after,
        started_at=run.start_date,
        ended_at=run.end_date,
        tasks=[
            TaskState(
                task_id=task.task_id,
                map_index=task.map_index,
                state=None if task.state is None else str(task.state),
                try_number=task.try_number,
            )
            for task in sorted(
                run.get_task_instances(session=session),
                key=lambda task: (task.start_date or datetime.max.replace(tzinfo=UTC), task.task_id, task.map_index),
            )
        ],
    )
