"""Starting a program's DAG by hand."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from airflow.api.common.trigger_dag import trigger_dag
from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
from airflow.exceptions import DagNotFound, DagRunAlreadyExists, ParamValidationError
from airflow.models.dagrun import DagRun
from airflow.utils.state import DagRunState
from airflow.utils.types import DagRunTriggeredByType
from sqlalchemy import select

from teleprompt_airflow.api.access import Program
from teleprompt_airflow.api.problems import ConflictError

MOST_OPEN = 20


class OpenRun(NamedTuple):
    """A DAG run that has not ended."""

    run_id: str
    state: str
    """`queued` or `running`."""
    since: datetime | None
    """When it was queued, or began."""


def open_runs(dag_id: str, session: Any) -> list[OpenRun]:
    """The runs of a DAG that are queued or running, the first to go on first; twenty at most."""
    waiting = select(DagRun).where(DagRun.dag_id == dag_id, DagRun.state.in_([DagRunState.QUEUED, DagRunState.RUNNING]))
    runs = session.scalars(waiting.order_by(DagRun.id).limit(MOST_OPEN)).all()
    return [OpenRun(run.run_id, str(run.state), run.start_date or run.queued_at) for run in runs]


class Started(NamedTuple):
    """A DAG run, and whether this call started it."""

    run: DagRun
    is_new: bool


def start_dag_run(
    program: Program,
    *,
    by: DagRunTriggeredByType,
    user: BaseUser,
    session: Any,
    conf: Mapping[str, Any],
    run_id: str | None = None,
) -> Started:
    """Start a run as Airflow's form does; a `run_id` that is taken by the same request gives that run.

    Raises:
        ConflictError: Airflow does not know the DAG yet or refuses `conf`, or `run_id` belongs to another request.
    """
    try:
        run = trigger_dag(
            program.dag_id,
            triggered_by=by,
            triggering_user_name=user.get_name(),
            run_id=run_id,
            conf=dict(conf),
            session=session,
        )
    except DagNotFound as error:
        raise ConflictError(f"Airflow has not parsed {program.dag_id} yet; try again in a minute.") from error
    except ParamValidationError as error:
        raise ConflictError(f"Airflow refuses the request: {error}.") from error
    except DagRunAlreadyExists as error:
        if error.dag_run.conf != conf:
            raise ConflictError("This key started another run; send a new one for a new run.") from error
        return Started(error.dag_run, is_new=False)
    assert run is not None  # noqa: S101 - only a partitioned DAG gives none
    return Started(run, is_new=True)
