from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from teleprompt.errors import ConfigurationError
from teleprompt.window import Window, format_utc


def test_a_naive_time_means_utc() -> None:
    window = Window(start=datetime(2026, 1, 1), end=datetime(2026, 1, 2))  # noqa: DTZ001
    assert window.start == datetime(2026, 1, 1, tzinfo=UTC)


def test_other_zones_are_converted() -> None:
    window = Window.model_validate({"start": "2026-01-01T02:00:00+02:00", "end": "2026-01-02"})
    assert str(window) == "2026-01-01T00:00:00Z/2026-01-02T00:00:00Z"


def test_milliseconds_are_exact() -> None:
    window = Window.model_validate({"start": "2026-01-01T00:00:00.001999Z", "end": "2026-01-01T00:00:00.002Z"})
    assert window.end_ms - window.start_ms == 1
    assert format_utc(window.start) == "2026-01-01T00:00:00.001Z"


@pytest.mark.parametrize("end", ["2026-01-01", "2025-12-31"])
def test_an_empty_window_is_refused(end: str) -> None:
    with pytest.raises(ValidationError, match="is not before its end"):
        Window.model_validate({"start": "2026-01-01", "end": end})


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("0001-01-01T00:00:00+14:00", "2026-01-01"),
        ("2026-01-01", "9999-12-31T23:59:59.999999-14:00"),
        ("1969-12-31T23:59:59", "2026-01-01"),
        ("2026-01-01", "9999-01-01"),
    ],
)
def test_a_moment_that_nobody_means_is_refused(start: str, end: str) -> None:
    with pytest.raises(ValidationError, match="is not from 1970 to 9998"):
        Window.model_validate({"start": start, "end": end})
    with pytest.raises(ConfigurationError, match="correct its start or its end"):
        Window.between(datetime.fromisoformat(start), datetime.fromisoformat(end))


def test_two_moments_of_one_millisecond_are_no_window() -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    with pytest.raises(ConfigurationError, match="is not before its end"):
        Window.between(start, start.replace(microsecond=999))


def test_airflows_own_times_become_plain_ones() -> None:
    """A scheduled run's interval comes as pendulum times, whose differences are no timedeltas."""
    import pendulum

    window = Window(start=pendulum.datetime(2026, 1, 1, tz="Europe/Paris"), end=pendulum.datetime(2026, 1, 2))
    assert type(window.start) is type(window.end) is datetime
    assert window.end_ms - window.start_ms == 25 * 3600 * 1000
