"""The trials of a program."""

from fastapi import APIRouter
from pydantic import BaseModel

from teleprompt.queries.trials import TrialSummary, read_trials
from teleprompt_airflow.api.access import ReadProgram
from teleprompt_airflow.api.tracking import Limit, Mlflow

router = APIRouter(tags=["trials"])


class Trials(BaseModel):
    """Candidates that are, or were, compared with a champion over windows, newest first."""

    trials: list[TrialSummary]


@router.get("/programs/{program}/trials")
def list_trials(program: ReadProgram, client: Mlflow, limit: Limit = 20) -> Trials:
    """How the evidence of each trial stands, window by window."""
    return Trials(trials=read_trials(client, program.config, limit=limit))
