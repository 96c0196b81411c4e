from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from include.teleprompt.window import Window, format_utc


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


def test_airflows_own_times_become_plain_ones() -> None:
    """A scheduled run's interval comes as pendulum times, whose differences are no timedeltas."""
    import pendulum

    window = Window(start=pendulum.datetime(2026, 1, 1, tz="Europe/Paris"), end=pendulum.datetime(2026, 1, 2))
    assert type(window.start) is type(window.end) is datetime
    assert window.end_ms - window.start_ms == 25 * 3600 * 1000
