"""When runs may begin."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from teleprompt.config.dependencies import check_dependencies
from teleprompt.config.files import ProgramFileError, load_program_file
from teleprompt.config.scheduling import SchedulingConfig, earliest_start
from tests.support import write_program

WEEKENDS = {"cron": "0 16 * * 5", "hours": 62}
HOLIDAYS = {"first": "2026-12-24", "last": "2026-12-26"}


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def scheduling(*blackouts: object, **others: object) -> SchedulingConfig:
    return SchedulingConfig.model_validate({"blackout": blackouts, **others})


@pytest.mark.parametrize(
    ("now", "begin"),
    [
        ("2026-11-20T15:59:59", "2026-11-20T15:59:59"),  # a Friday
        ("2026-11-20T16:00:00", "2026-11-23T06:00:00"),
        ("2026-11-23T05:59:59", "2026-11-23T06:00:00"),
        ("2026-11-23T06:00:00", "2026-11-23T06:00:00"),
        ("2026-12-24T00:00:00", "2026-12-28T06:00:00"),  # Thursday to Saturday, into the weekend's span
        ("2026-12-23T23:59:59", "2026-12-23T23:59:59"),
    ],
)
def test_a_run_waits_for_the_end_of_all_blackouts_that_follow_each_other(now: str, begin: str) -> None:
    assert earliest_start(scheduling(WEEKENDS, HOLIDAYS), at(now), last=None) == at(begin)


def test_a_gap_is_from_beginning_to_beginning_and_may_end_in_a_blackout() -> None:
    asked = scheduling(WEEKENDS, min_gap_hours=48)
    assert earliest_start(asked, at("2026-11-17T00:00"), last=at("2026-11-16T12:00")) == at("2026-11-18T12:00")
    assert earliest_start(asked, at("2026-11-19T00:00"), last=at("2026-11-16T12:00")) == at("2026-11-19T00:00")
    assert earliest_start(asked, at("2026-11-19T00:00"), last=at("2026-11-18T18:00")) == at("2026-11-23T06:00")


@given(st.integers(0, 15 * 365 * 86400).map(lambda s: at("2020-01-01") + timedelta(seconds=s)), st.integers(0, 50))
def test_the_moment_is_never_before_now_nor_in_a_blackout(now: datetime, ago: int) -> None:
    asked = scheduling(WEEKENDS, HOLIDAYS, {"cron": "30 2 * * *", "hours": 1.5}, min_gap_hours=12)
    begin = earliest_start(asked, now, last=now - timedelta(hours=ago))
    assert begin >= now
    assert begin >= now + timedelta(hours=12 - ago)
    assert all(span.end_around(begin) is None for span in asked.blackout)


@pytest.mark.parametrize(
    ("section", "problem"),
    [
        ({"blackout": [{"cron": "0 0 * * *", "hours": 24}]}, "leave no time at all"),
        ({"blackout": [{"cron": "99 0 * * *", "hours": 2}]}, "not a cron expression"),
        ({"blackout": [{"first": "2026-02-02", "last": "2026-02-01"}]}, "is after last"),
        ({"blackout": [{"first": "2026-02-02", "last": "9999-12-31"}]}, "less than 9000"),
        ({"depends_on": ["a", "a"]}, "stands twice"),
        ({"priority": 0}, "priority"),
    ],
)
def test_what_cannot_be_meant_is_refused(section: dict, problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        SchedulingConfig.model_validate(section)


def checked(folder: Path, program: str) -> None:
    file = folder / f"{program}.yaml"
    check_dependencies(file, load_program_file(file))


def test_programs_wait_for_programs_that_exist_and_not_in_a_circle(tmp_path: Path) -> None:
    for program, first in (("a", ""), ("b", "a"), ("c", "b"), ("d", "a, c")):
        write_program(tmp_path, program, yaml=f"name: {program}\nscheduling: {{depends_on: [{first}]}}\n")
        checked(tmp_path, program)
    write_program(tmp_path, "a", yaml="name: a\nscheduling: {depends_on: [c]}\n")
    with pytest.raises(
        ProgramFileError, match=r"a\.yaml: `scheduling\.depends_on`: waits in a circle: a -> c -> b -> a"
    ):
        checked(tmp_path, "a")
    write_program(tmp_path, "b", yaml="name: b\nscheduling: {depends_on: [nobody]}\n")
    with pytest.raises(ProgramFileError, match=r"there is no program 'nobody' \(known: a, c, d\)"):
        checked(tmp_path, "b")
    write_program(tmp_path, "a", yaml="name: a\nscheduling: {depends_on: [a]}\n")
    with pytest.raises(ProgramFileError, match="names the program itself"):
        checked(tmp_path, "a")
