"""The trials of a program."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel

from teleprompt.queries.backfill_preview import BackfillPreview, preview_backfill
from teleprompt.queries.trials import TrialSummary, read_trials
from teleprompt.window import Moment
from teleprompt_airflow.api.access import ReadProgram
from teleprompt_airflow.api.tracking import Limit, Mlflow, SettingsDep

router = APIRouter(tags=["trials"])

From = Annotated[Moment, Query(alias="from", description="Windows that start then or later.")]
To = Annotated[Moment, Query(alias="to", description="Windows that start then or before.")]


class Trials(BaseModel):
    """Candidates that are, or were, compared with a champion over windows, newest first."""

    trials: list[TrialSummary]


@router.get("/programs/{program}/trials")
def list_trials(program: ReadProgram, client: Mlflow, limit: Limit = 20) -> Trials:
    """How the evidence of each trial stands, window by window."""
    return Trials(trials=read_trials(client, program.config, limit=limit))


@router.get("/programs/{program}/backfill")
def preview(program: ReadProgram, client: Mlflow, settings: SettingsDep, start: From, end: To) -> BackfillPreview:
    """What a backfill would do: which windows count, what they cost, and when a gain is expected to show."""
    return preview_backfill(client, program.config, start=start, end=end, fleet=settings.fleet)
