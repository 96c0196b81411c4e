"""What a period brought: improvements, decisions, spend, contributors, data."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel

from teleprompt.config.files import find_program_file
from teleprompt.report.read import read_report
from teleprompt.report.records import Report
from teleprompt.report.words import headline
from teleprompt.window import Moment, Window
from teleprompt_airflow.api.access import User, visible_entries
from teleprompt_airflow.api.tracking import Mlflow, SettingsDep

router = APIRouter(tags=["reports"])


class ReportAnswer(BaseModel):
    """A report, and what it says in one sentence."""

    headline: str
    report: Report


def _period(
    since: Annotated[Moment | None, Query(description="From when on; by default `days` before `until`.")] = None,
    until: Annotated[Moment | None, Query(description="Until when; by default now.")] = None,
    days: Annotated[int, Query(ge=1, le=3660)] = 7,
) -> Window:
    end = until or datetime.now(UTC)
    return Window.between(since or end - timedelta(days=days), end)


ReportPeriod = Annotated[Window, Depends(_period)]


def visible_files(user: BaseUser, programs_dir: Path) -> list[Path]:
    """The files of the programs that `user` may see."""
    return [find_program_file(programs_dir, entry.program) for entry in visible_entries(user)]


@router.get("/report")
def show_report(user: User, client: Mlflow, settings: SettingsDep, period: ReportPeriod) -> ReportAnswer:
    """What improved by how much, what was rejected and why, what it cost, and whom it credits."""
    report = read_report(client, visible_files(user, settings.programs_dir), period)
    return ReportAnswer(headline=headline(report), report=report)
