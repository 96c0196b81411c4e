"""The programs."""

from datetime import datetime
from typing import Any

from airflow.models.dag import DagModel
from fastapi import APIRouter
from pydantic import BaseModel

from teleprompt.config.alerts import shared_rules
from teleprompt.config.dag_ids import dag_id
from teleprompt.config.settings import Settings
from teleprompt.errors import ConfigurationError
from teleprompt.queries import catalog
from teleprompt_airflow.api import problems
from teleprompt_airflow.api._program_code import program_code
from teleprompt_airflow.api.access import ChangeProgram, Program, ReadProgram, User, visible_entries
from teleprompt_airflow.api.database import airflow_session
from teleprompt_airflow.notifications.tell import build_notifier

router = APIRouter(tags=["programs"])


class ProgramLine(catalog.CatalogEntry):
    """One program in a line."""

    dag_id: str


class Programs(BaseModel):
    """The programs that the user may see."""

    programs: list[ProgramLine]


class Schedule(BaseModel):
    """When a program runs next."""

    model_config = {"use_attribute_docstrings": True}

    paused: bool
    next_run_at: datetime | None
    """When the next scheduled run begins; null if there is none, or the DAG was not parsed yet."""
    next_window: tuple[datetime, datetime] | None


class ProgramDetail(BaseModel):
    """One program with its whole configuration, defaults included."""

    model_config = {"use_attribute_docstrings": True}

    program: str
    dag_id: str
    configuration: dict[str, Any]
    schedule: Schedule | None
    """Null until Airflow has parsed its DAG."""


class Validation(BaseModel):
    """Whether a program's file and code can be used."""

    valid: bool
    problem: catalog.Problem | None


@router.get("/programs")
def list_programs(user: User) -> Programs:
    """The programs that you may see, the broken ones too."""
    entries = visible_entries(user)
    return Programs(programs=[ProgramLine(**entry.model_dump(), dag_id=dag_id(entry.program)) for entry in entries])


@router.get("/programs/{program}")
def show_program(program: ReadProgram) -> ProgramDetail:
    """A program's configuration, and when it runs next."""
    return ProgramDetail(
        program=program.slug,
        dag_id=program.dag_id,
        configuration=program.config.model_dump(mode="json"),
        schedule=schedule_of(program.dag_id),
    )


@router.post("/programs/{program}/validation", responses={429: problems.described(429)})
def validate_program(program: ChangeProgram) -> Validation:
    """Load the file, build the program in a process of its own, and make the notifiers of its rules; one at a time."""
    with program_code():
        checked = catalog.check_program(program.file, process=Settings().program_process)
    problem = checked.problem or _wrong_rule(program)
    return Validation(valid=problem is None, problem=problem)


def _wrong_rule(program: Program) -> catalog.Problem | None:
    """Of its own rules and those for all programs, what is wrong with the first whose notifier cannot be made."""
    try:
        for rule in (*program.config.alerts.rules, *shared_rules(Settings().alerts_file)):
            build_notifier(rule)
    except ConfigurationError as error:
        return catalog.Problem(error=str(error), key="alerts.rules", line=None)
    return None


def schedule_of(own_id: str) -> Schedule | None:
    """What the scheduler plans for a DAG."""
    with airflow_session() as session:
        model = session.get(DagModel, own_id)
        if model is None:
            return None
        window = (model.next_dagrun_data_interval_start, model.next_dagrun_data_interval_end)
        return Schedule(
            paused=model.is_paused,
            next_run_at=model.next_dagrun_create_after,
            next_window=None if None in window else window,
        )
