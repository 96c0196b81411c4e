"""The logged calls of a program."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from pydantic import AwareDatetime, BaseModel

from teleprompt.config.settings import Settings
from teleprompt.queries.inspection import inspect_window
from teleprompt.traces.profile import Profile
from teleprompt.traces.submission.row import SubmittedTrace
from teleprompt.traces.submission.spool import AsideRow, Spool
from teleprompt.traces.submission.submit import MOST_REASONS, Submitted, accept
from teleprompt.traces.volume import Volume, volume
from teleprompt.window import Moment, Window
from teleprompt_airflow.api import problems
from teleprompt_airflow.api._program_code import program_code
from teleprompt_airflow.api._spool_writer import SPOOL_WRITER
from teleprompt_airflow.api.access import Program, ReadProgram, ReadRuns, StartRuns
from teleprompt_airflow.api.tracking import Limit, Mlflow, SettingsDep

router = APIRouter(tags=["traces"])

LONGEST_INSPECTION = timedelta(days=92)
NDJSON = "application/x-ndjson"
MAX_BULK_BYTES = 10 * 2**20
FULL: dict[int | str, dict[str, Any]] = {429: problems.described(429)}
"""Beside what every route may answer: too much waits for MLflow."""

Start = Annotated[Moment | None, Query(description="By default the program's lookback before the end.")]
End = Annotated[Moment | None, Query(description="By default now.")]


class Count(BaseModel):
    """How many calls a window holds, before curation."""

    window: Window
    found: Volume


class AsideTrace(BaseModel):
    """A submitted trace that was set aside."""

    trace_id: str
    since: AwareDatetime
    problem: str


class SetAside(BaseModel):
    """What was set aside on this server's disk; `teleprompt traces set-aside` tries again, or exports it."""

    total: int
    rows: list[AsideTrace]


@router.get("/programs/{program}/traces/count")
def count(program: ReadProgram, client: Mlflow, start: Start = None, end: End = None) -> Count:
    """Count the calls of a window; none is fetched."""
    window = _window(program, start, end)
    return Count(window=window, found=volume(client, config=program.config, window=window))


@router.get("/programs/{program}/traces/inspection", responses={429: problems.described(429)})
def inspect(program: ReadRuns, client: Mlflow, settings: SettingsDep, start: Start = None, end: End = None) -> Profile:
    """What a run over the window would use, and what it would drop and why, with examples.

    It reads all of the window, 92 days at most, and takes as long; one at a time.
    """
    window = _window(program, start, end)
    if window.end - window.start > LONGEST_INSPECTION:
        raise HTTPException(400, f"The window is longer than {LONGEST_INSPECTION.days} days; take a shorter one.")
    with program_code():
        return inspect_window(client, program.file, program.config, window, process=settings.program_process)


@router.get("/programs/{program}/traces/set-aside")
def set_aside(program: ReadRuns, settings: SettingsDep, limit: Limit = 100) -> SetAside:
    """Submitted traces of the program that this server could not write to MLflow, and why, oldest first."""
    rows = Spool(settings.spool_dir).list_aside(program.slug)
    shown = [AsideTrace(trace_id=row.trace_id, since=_moment(row), problem=row.problem) for row in rows[:limit]]
    return SetAside(total=len(rows), rows=shown)


@router.post("/programs/{program}/traces", status_code=202, responses=FULL)
def submit(program: StartRuns, trace: SubmittedTrace, settings: SettingsDep) -> Submitted:
    """Hand in one trace, or the late outcomes of one. It is on disk when this answers, and in MLflow soon."""
    return _keep(program, [trace.model_dump()], settings, place="body")


@router.post(
    "/programs/{program}/traces/bulk",
    status_code=202,
    responses=FULL,
    openapi_extra={"requestBody": {"required": True, "content": {NDJSON: {"schema": {"type": "string"}}}}},
)
async def submit_bulk(program: StartRuns, request: Request, settings: SettingsDep) -> Submitted:
    """Hand in traces as JSON lines, 10 MB at most; each line is taken or refused for itself.

    If none is taken, the answer is 422 and names each.
    """
    lines = [line for line in (await request.body()).splitlines() if line.strip()]
    return await run_in_threadpool(_keep, program, lines, settings, place="line {line}")


def _keep(program: Program, lines: list[Any], settings: Settings, *, place: str) -> Submitted:
    spool = Spool(settings.spool_dir)
    accepted, rejected = accept(spool, program.config, lines)
    if rejected and not accepted:
        some = rejected[:MOST_REASONS]
        raise RequestValidationError([{"loc": (place.format(line=row.line),), "msg": row.reason} for row in some])
    SPOOL_WRITER.wake()
    return Submitted(
        accepted=accepted, rejected=len(rejected), reasons=tuple(rejected[:MOST_REASONS]), waiting=len(spool)
    )


def _moment(row: AsideRow) -> datetime:
    return datetime.fromtimestamp(row.since, tz=UTC)


def _window(program: Program, start: datetime | None, end: datetime | None) -> Window:
    end = end or datetime.now(UTC).replace(microsecond=0)
    return Window.between(start or end - program.config.lookback, end)
