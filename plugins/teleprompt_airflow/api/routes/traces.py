"""The logged calls of a program."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import AwareDatetime, BaseModel

from include.teleprompt.errors import ConfigurationError
from include.teleprompt.traces.volume import Volume, volume
from include.teleprompt.window import Window
from teleprompt_airflow.api.access import Program, ReadProgram
from teleprompt_airflow.api.tracking import Mlflow

router = APIRouter(tags=["traces"])

Start = Annotated[AwareDatetime | None, Query(description="By default the program's lookback before the end.")]
End = Annotated[AwareDatetime | None, Query(description="By default now.")]


class Count(BaseModel):
    """How many calls a window holds, before curation."""

    window: Window
    found: Volume


@router.get("/programs/{program}/traces/count")
def count(program: ReadProgram, client: Mlflow, start: Start = None, end: End = None) -> Count:
    """Count the calls of a window; none is fetched."""
    window = _window(program, start, end)
    return Count(window=window, found=volume(client, config=program.config, window=window))


def _window(program: Program, start: datetime | None, end: datetime | None) -> Window:
    end = end or datetime.now(UTC).replace(microsecond=0)
    start = start or end - program.config.lookback
    if start >= end:
        raise ConfigurationError("`start` has to be before `end`; correct one of them.")
    return Window(start=start, end=end)
