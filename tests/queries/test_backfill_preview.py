"""What a backfill would do, with no run of the program yet."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from teleprompt.config.files import load_program_file
from teleprompt.config.program import ProgramConfig
from teleprompt.config.settings import Settings
from teleprompt.errors import ConfigurationError
from teleprompt.queries.backfill_preview import BackfillPreview, Role, preview_backfill, windows_of
from teleprompt.tracking.connection import mlflow_client
from teleprompt.window import Window
from tests.support import WEEK, log_shelf_calls, write_program

NOW = WEEK.end + timedelta(hours=1)


def week(number: int) -> Window:
    ahead = timedelta(days=7 * number)
    return Window(start=WEEK.start + ahead, end=WEEK.end + ahead)


def program(folder: Path, yaml: str = "") -> ProgramConfig:
    return load_program_file(write_program(folder, yaml=f"name: Shelves\noptimization:\n  min_traces: 20\n{yaml}"))


def preview(settings: Settings, config: ProgramConfig, first: int, last: int = 0) -> BackfillPreview:
    with mlflow_client(settings.tracking_uri) as client:
        return preview_backfill(client, config, start=week(first).start, end=week(last).start, now=NOW)


def test_the_first_window_with_enough_calls_opens_a_trial_and_later_ones_add_to_it(
    settings: Settings, tmp_path: Path
) -> None:
    for number, count in ((-2, 3), (-1, 40), (0, 44)):
        log_shelf_calls(settings, count=count, window=week(number), first=1000 * number + 5000)
    found = preview(settings, program(tmp_path / "programs"), -3)
    assert [(one.calls, one.role) for one in found.windows] == [
        (0, Role.TOO_FEW),
        (3, Role.TOO_FEW),
        (40, Role.OPENS),
        (44, Role.ADDS),
    ]
    assert (found.requests, found.cost_usd) == (None, None)  # no run says what one takes
    assert (found.trial_number, found.level, found.level_of_year) == (1, 0.0125, 0.025)
    assert found.power is not None
    assert found.power.n == 17  # 40 % of 42 are sealed
    assert (found.window_after(1), found.window_after(2), found.window_after(3)) == (week(-1), week(0), None)


def test_without_trials_each_window_is_compared_on_its_own(settings: Settings, tmp_path: Path) -> None:
    log_shelf_calls(settings, count=40, window=week(0))
    found = preview(settings, program(tmp_path / "programs", "trial: none\n"), 0)
    assert [one.role for one in found.windows] == [Role.ALONE]
    assert (found.trial_number, found.power) == (None, None)


def test_windows_are_those_of_the_schedule_that_are_over(tmp_path: Path) -> None:
    config = program(tmp_path / "programs")
    late = week(0).start + timedelta(days=1)
    assert windows_of(config, start=week(-2).start, end=late, now=NOW) == [week(-2), week(-1), week(0)]
    assert windows_of(config, start=week(-2).start + timedelta(seconds=1), end=late, now=NOW) == [week(-1), week(0)]
    assert windows_of(config, start=week(-1).start, end=late, now=week(0).start) == [week(-1)]
    daily = config.model_copy(update={"schedule": "30 6 * * *"})
    (day,) = windows_of(daily, start=week(0).start, end=week(0).start + timedelta(days=1), now=NOW)
    assert (day.start.hour, day.end - day.start) == (6, timedelta(days=1))


@pytest.mark.parametrize(
    ("changes", "days", "said"),
    [
        ({"schedule": "none"}, 7, "Shelves has no schedule, so there are no windows to backfill"),
        ({}, -7, r"No window of Shelves \(weekly, from 2025-01-06\) starts between"),
        ({"schedule": "daily"}, 500, "More than 400 windows of Shelves start between"),
        ({"start_date": datetime(2099, 1, 1, tzinfo=UTC).date()}, 7, "No window of Shelves"),
    ],
)
def test_a_time_without_windows_is_refused_in_one_sentence(
    changes: dict[str, object], days: int, said: str, tmp_path: Path
) -> None:
    config = program(tmp_path / "programs").model_copy(update=changes)
    end = WEEK.start + timedelta(days=days)
    with pytest.raises(ConfigurationError, match=said):
        windows_of(config, start=WEEK.start, end=end, now=WEEK.end + timedelta(days=700))
