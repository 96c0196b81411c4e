"""The window and the overrides of one DAG run."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from airflow.sdk import Param
from airflow.sdk.exceptions import AirflowFailException
from pydantic import ValidationError

from teleprompt.config.program import ProgramConfig
from teleprompt.window import Window

OVERRIDES = {
    "min_traces": ("integer", 1, None),
    "max_traces": ("integer", 1, None),
    "min_quality_score": ("number", 0, 1),
    "deltaone_threshold": ("number", 0.000001, 0.999999),
}


def run_params(config: ProgramConfig) -> dict[str, Param]:
    """The form of a manual run: its window, and what it may override."""
    moment: dict[str, Any] = {"type": ["null", "string"], "format": "date-time", "section": "Window"}
    params = {
        "window_start": Param(None, **moment, title="Start", description="First moment, inclusive (UTC)."),
        "window_end": Param(
            None,
            **moment,
            title="End",
            description=f"Last moment, exclusive. Without a window: the {config.traces.lookback_days:g} days before "
            "the logical date, or up to now. A backfill's windows are the intervals of its dates.",
        ),
    }
    for name, (kind, minimum, maximum) in OVERRIDES.items():
        limits: dict[str, Any] = {"minimum": minimum} if maximum is None else {"minimum": minimum, "maximum": maximum}
        params[name] = Param(
            None,
            type=["null", kind],
            section="Overrides",
            description=f"Instead of {getattr(config.optimization, name):g}, for this run only.",
            **limits,
        )
    return params


def overrides_of(params: Mapping[str, Any]) -> dict[str, Any]:
    """What the form overrides, as a program file would write it."""
    given = {name: params.get(name) for name in OVERRIDES if params.get(name) is not None}
    return {"optimization": given} if given else {}


def run_type(context: Mapping[str, Any]) -> str:
    """`manual`, `scheduled`, `backfill`, `asset_triggered`, … (Airflow's enumeration prints otherwise)."""
    kind = context["dag_run"].run_type
    return str(getattr(kind, "value", kind))


def asked_by(context: Mapping[str, Any]) -> str:
    """Who asked for this run: a user by name, or what brought it about."""
    return str(getattr(context["dag_run"], "triggering_user_name", None) or f"airflow ({run_type(context)})")


def was_asked_for(context: Mapping[str, Any]) -> bool:
    """Whether somebody wanted this very run: then it fails where a scheduled one is skipped."""
    return run_type(context) in {"manual", "operator_triggered"}


def resolve_window(context: Mapping[str, Any], *, lookback: timedelta) -> Window:
    """The window of this DAG run; the same at every retry.

    For a scheduled run or a backfill its data interval; for any other what the form says, else what the event that
    started the run says, else the lookback before its logical date, or before it was asked for where it has none.

    Raises:
        AirflowFailException: the form's window is half given, in the wrong order, or given for a backfill.
    """
    interval = (context.get("data_interval_start"), context.get("data_interval_end"))
    has_interval = interval[0] is not None and interval[1] is not None and interval[0] < interval[1]
    params = context["params"]
    asked = (params.get("window_start"), params.get("window_end"))
    if has_interval and run_type(context) in {"scheduled", "backfill"}:
        if any(asked) and run_type(context) == "backfill":
            raise AirflowFailException(
                "The windows of a backfill are the intervals of its dates; leave window_start and window_end empty."
            )
        return _window(*interval)
    if any(asked):
        if not all(asked):
            raise AirflowFailException("A window needs both window_start and window_end; give both or neither.")
        return _window(*asked)
    announced = _announced(context)
    if announced is not None:
        return announced
    run = context["dag_run"]
    end = (run.logical_date or run.run_after).replace(microsecond=0)
    return _window(end - lookback, end)


def _window(start: Any, end: Any) -> Window:
    try:
        return Window.model_validate({"start": start, "end": end})
    except (ValidationError, ValueError) as error:
        raise AirflowFailException(f"window_start {start} must be a time before window_end {end}.") from error


def _announced(context: Mapping[str, Any]) -> Window | None:
    """The span that the asset events of this run cover, where they say so."""
    windows = []
    for events in (context.get("triggering_asset_events") or {}).values():
        for event in events:
            extra = event.extra or {}
            payload = extra.get("payload", extra)
            if isinstance(payload, Mapping) and {"window_start", "window_end"} <= payload.keys():
                windows.append(_window(payload["window_start"], payload["window_end"]))
    if not windows:
        return None
    return Window(start=min(w.start for w in windows), end=max(w.end for w in windows))
