"""The logged calls of a program."""

from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel

from include.teleprompt.config.settings import Settings
from include.teleprompt.inspection import inspect_window
from include.teleprompt.traces.profile import Profile
from include.teleprompt.traces.submission.row import SubmittedTrace
from include.teleprompt.traces.submission.spool import Spool
from include.teleprompt.traces.submission.submit import MOST_REASONS, Submitted, accept
from include.teleprompt.traces.volume import Volume, volume
from include.teleprompt.window import Moment, Window
from teleprompt_airflow.api import problems
from teleprompt_airflow.api.access import Program, ReadProgram, ReadRuns, StartRuns
from teleprompt_airflow.api.courier import COURIER
from teleprompt_airflow.api.tracking import Mlflow, SettingsDep

router = APIRouter(tags=["traces"])

LONGEST_INSPECTION = timedelta(days=92)
_INSPECTING = Lock()
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


@router.get("/programs/{program}/traces/count")
def count(program: ReadProgram, client: Mlflow, start: Start = None, end: End = None) -> Count:
    """Count the calls of a window; none is fetched."""
    window = _window(program, start, end)
    return Count(window=window, found=volume(client, config=program.config, window=window))


@router.get("/programs/{program}/traces/inspection", responses={429: problems.described(429)})
def inspect(program: ReadRuns, client: Mlflow, start: Start = None, end: End = None) -> Profile:
    """What a run over the window would use, and what it would drop and why, with examples.

    It reads all of the window, 92 days at most, and takes as long; one at a time.
    """
    window = _window(program, start, end)
    if window.end - window.start > LONGEST_INSPECTION:
        raise HTTPException(400, f"The window is longer than {LONGEST_INSPECTION.days} days; take a shorter one.")
    if not _INSPECTING.acquire(blocking=False):
        raise HTTPException(429, "Another window is inspected; try again when that is over.", {"Retry-After": "10"})
    try:
        return inspect_window(client, program.file, program.config, window)
    finally:
        _INSPECTING.release()


@router.post("/programs/{program}/traces", status_code=202, responses=FULL)
def submit(program: StartRuns, trace: SubmittedTrace, settings: SettingsDep) -> Submitted:
    """Hand in one trace, or the late outcomes of one. It is on disk when this answers, and in MLflow soon."""
    return _keep(program, [trace.model_dump()], settings)


@router.post(
    "/programs/{program}/traces/bulk",
    status_code=202,
    responses=FULL,
    openapi_extra={"requestBody": {"required": True, "content": {NDJSON: {"schema": {"type": "string"}}}}},
)
async def submit_bulk(program: StartRuns, request: Request, settings: SettingsDep) -> Submitted:
    """Hand in traces as JSON lines, 10 MB at most; each line is taken or refused for itself."""
    lines = [line for line in (await request.body()).splitlines() if line.strip()]
    return await run_in_threadpool(_keep, program, lines, settings)


def _keep(program: Program, lines: list[Any], settings: Settings) -> Submitted:
    spool = Spool(settings.spool_dir)
    accepted, rejected = accept(spool, program.config, lines)
    COURIER.wake()
    return Submitted(
        accepted=accepted, rejected=len(rejected), reasons=tuple(rejected[:MOST_REASONS]), waiting=len(spool)
    )


def _window(program: Program, start: datetime | None, end: datetime | None) -> Window:
    end = end or datetime.now(UTC).replace(microsecond=0)
    return Window.between(start or end - program.config.lookback, end)
