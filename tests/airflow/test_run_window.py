from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException
from airflow.utils.types import DagRunType

from teleprompt.config.program import ProgramConfig
from teleprompt_airflow.run_window import OVERRIDES, overrides_of, resolve_window, run_params, was_asked_for

NOW = datetime(2026, 3, 10, 12, 30, 15, 999, tzinfo=UTC)
DAY = datetime(2026, 3, 9, tzinfo=UTC)
WEEK = timedelta(days=7)


def context(
    run_type: DagRunType,
    *,
    interval: tuple | None = None,
    params: dict | None = None,
    events: Any = None,
    logical_date: datetime | None = None,
) -> dict:
    result: dict[str, Any] = {
        "dag_run": SimpleNamespace(run_type=run_type, run_after=NOW, logical_date=logical_date),
        "params": {"window_start": None, "window_end": None, **(params or {})},
    }
    if interval:
        result["data_interval_start"], result["data_interval_end"] = interval
    if events is not None:
        result["triggering_asset_events"] = events
    return result


ASKED = {"window_start": "2026-01-01T00:00:00+00:00", "window_end": "2026-01-08"}
INTERVAL = (DAY, DAY + timedelta(days=1))


@pytest.mark.parametrize("kind", [DagRunType.SCHEDULED, DagRunType.BACKFILL_JOB])
def test_a_schedule_or_backfill_goes_by_its_interval(kind: DagRunType) -> None:
    window = resolve_window(context(kind, interval=INTERVAL), lookback=WEEK)
    assert str(window) == "2026-03-09T00:00:00Z/2026-03-10T00:00:00Z"


def test_a_window_in_the_form_of_a_backfill_is_not_ignored() -> None:
    with pytest.raises(AirflowFailException, match="intervals of its dates; leave window_start and window_end empty"):
        resolve_window(context(DagRunType.BACKFILL_JOB, interval=INTERVAL, params=ASKED), lookback=WEEK)


def test_a_manual_run_goes_by_the_form_before_the_interval_that_airflow_infers() -> None:
    window = resolve_window(context(DagRunType.MANUAL, interval=INTERVAL, params=ASKED), lookback=WEEK)
    assert str(window) == "2026-01-01T00:00:00Z/2026-01-08T00:00:00Z"


def test_a_manual_run_without_a_window_is_about_the_lookback_whether_or_not_it_has_a_logical_date() -> None:
    """Airflow's form fills a logical date in, *Run now* does not; the interval that Airflow infers from it is older."""
    dated = context(DagRunType.MANUAL, interval=INTERVAL, logical_date=DAY)
    assert str(resolve_window(dated, lookback=WEEK)) == "2026-03-02T00:00:00Z/2026-03-09T00:00:00Z"


def test_a_zero_width_interval_is_none() -> None:
    window = resolve_window(context(DagRunType.SCHEDULED, interval=(DAY, DAY)), lookback=WEEK)
    assert window.end == NOW.replace(microsecond=0)


def test_without_anything_it_is_the_lookback_before_the_run_was_asked_for() -> None:
    window = resolve_window(context(DagRunType.MANUAL), lookback=WEEK)
    assert str(window) == "2026-03-03T12:30:15Z/2026-03-10T12:30:15Z"


@pytest.mark.parametrize("nest", [lambda payload: payload, lambda payload: {"payload": payload}])
def test_an_event_says_which_span_it_is_about(nest) -> None:
    spans = [("2026-03-01T00:00:00Z", "2026-03-02T00:00:00Z"), ("2026-03-02T00:00:00Z", "2026-03-04T00:00:00Z")]
    events = {
        "asset": [
            SimpleNamespace(extra=nest({"window_start": start, "window_end": end, "count": 1})) for start, end in spans
        ]
    }
    window = resolve_window(context(DagRunType.ASSET_TRIGGERED, events=events), lookback=WEEK)
    assert str(window) == "2026-03-01T00:00:00Z/2026-03-04T00:00:00Z"


def test_an_event_without_a_span_means_the_lookback() -> None:
    events = {"asset": [SimpleNamespace(extra={})]}
    window = resolve_window(context(DagRunType.ASSET_TRIGGERED, events=events), lookback=WEEK)
    assert window.end == NOW.replace(microsecond=0)


@pytest.mark.parametrize(
    "params",
    [
        {"window_start": "2026-01-01"},
        {"window_end": "2026-01-01"},
        {"window_start": "2026-01-02", "window_end": "2026-01-01"},
        {"window_start": "soon", "window_end": "later"},
    ],
)
def test_half_or_crossed_windows_fail(params: dict) -> None:
    with pytest.raises(AirflowFailException, match="window_start"):
        resolve_window(context(DagRunType.MANUAL, params=params), lookback=WEEK)


def test_who_asked() -> None:
    assert was_asked_for(context(DagRunType.MANUAL))
    assert not was_asked_for(context(DagRunType.SCHEDULED))
    assert not was_asked_for(context(DagRunType.BACKFILL_JOB))


def test_the_form_overrides_only_what_was_filled_in() -> None:
    params = run_params(ProgramConfig(name="D", slug="d"))
    assert set(params) == {"window_start", "window_end", *OVERRIDES}
    assert overrides_of({name: param.value for name, param in params.items()}) == {}
    assert overrides_of({"min_traces": 5, "max_traces": None}) == {"optimization": {"min_traces": 5}}
