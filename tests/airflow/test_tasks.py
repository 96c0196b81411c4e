"""The sensor, its triggers and the operators against a real MLflow store; Airflow's context is a dict."""

import asyncio
import logging
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import Connection
from airflow.sdk.exceptions import (
    AirflowException,
    AirflowFailException,
    AirflowSkipException,
    TaskDeferred,
)
from airflow.utils.types import DagRunType

from teleprompt.config.settings import Settings
from teleprompt.errors import ConfigurationError, RegistryBusyError, TelepromptError, TrackingUnavailableError
from teleprompt.queries.history import list_runs
from teleprompt.registry import audit_trail
from teleprompt.registry.change_log import Action, list_changes
from teleprompt.tracking.connection import mlflow_client
from teleprompt.window import Window, format_utc
from teleprompt_airflow.assets import ended_asset
from teleprompt_airflow.notifications.failure import FailureAlert
from teleprompt_airflow.operators import (
    BaselineOperator,
    CollectOperator,
    CompileOperator,
    ConcludeOperator,
    DeltaOneBranchOperator,
    GateApprovalOperator,
    GateOperator,
    PowerOperator,
    SelectOperator,
    WatchOperator,
)
from teleprompt_airflow.sensors.trace_volume import TraceVolumeSensor
from teleprompt_airflow.sensors.upstream_programs import UpstreamProgramsSensor
from teleprompt_airflow.triggers import _shared_look as shared_look
from teleprompt_airflow.triggers.trace_volume import NewTracesTrigger, TraceVolumeTrigger
from tests.support import WEEK, log_own_answers, log_shelf_calls, write_program

DAY = timedelta(days=1)


def context(window: Window = WEEK, kind: DagRunType = DagRunType.MANUAL, **params: Any) -> dict[str, Any]:
    return {
        "dag_run": SimpleNamespace(run_type=kind, run_after=datetime.now(UTC), run_id="r", logical_date=None),
        "params": {**_asked(window, kind), **params},
        "data_interval_start": window.start,
        "data_interval_end": window.end,
    }


def _asked(window: Window, kind: DagRunType) -> dict[str, str]:
    """What the form says; of a backfill nothing."""
    if kind is DagRunType.BACKFILL_JOB:
        return {}
    return {"window_start": format_utc(window.start), "window_end": format_utc(window.end)}


def sensor(**changes: Any) -> TraceVolumeSensor:
    return TraceVolumeSensor(task_id="wait", program="shelves", max_wait=timedelta(days=30), **changes)


@pytest.mark.usefixtures("airflow")
def test_enough_calls_let_the_run_go_on(settings: Settings) -> None:
    log_shelf_calls(settings, count=20)
    found = sensor().execute(context())
    assert (found["count"], Window.model_validate(found["window"])) == (20, WEEK)
    with mlflow_client(settings.tracking_uri) as client:
        assert [(run.state, run.key) for run in list_runs(client)] == [("running", found["key"])]


@pytest.mark.usefixtures("airflow")
def test_a_closed_window_is_looked_at_once(settings: Settings) -> None:
    log_shelf_calls(settings, count=19)
    with pytest.raises(AirflowFailException, match="Insufficient traces: 19 < 20"):
        sensor().execute(context())
    for kind in (DagRunType.SCHEDULED, DagRunType.BACKFILL_JOB, DagRunType.ASSET_TRIGGERED):
        with pytest.raises(AirflowSkipException, match="Insufficient traces: 19 < 20"):
            sensor().execute(context(kind=kind))
    assert sensor().execute(context(min_traces=19))["count"] == 19


@pytest.mark.usefixtures("airflow")
def test_an_open_window_is_waited_for_without_a_worker(settings: Settings) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    window = Window(start=now - DAY, end=now + DAY)
    with pytest.raises(TaskDeferred) as deferred:
        sensor(poke_interval=7).execute(context(window))
    path, arguments = deferred.value.trigger.serialize()
    assert path == "teleprompt_airflow.triggers.trace_volume.TraceVolumeTrigger"
    assert arguments == {
        "program": "shelves",
        "window_start": format_utc(window.start),
        "enough": 20,
        "deadline": format_utc(window.end),
        "poll_seconds": 7.0,
    }
    log_shelf_calls(settings, count=20, window=Window(start=window.start, end=now))
    found = sensor().execute(context(window))
    assert found["count"] == 20
    assert Window.model_validate(found["window"]).end <= datetime.now(UTC)


@pytest.mark.usefixtures("airflow")
def test_a_run_that_is_due_waits_for_the_end_of_a_blackout_but_not_one_that_was_asked_for(
    settings: Settings, tmp_path: Path
) -> None:
    log_shelf_calls(settings, count=20)
    today = datetime.now(UTC).date()
    own = f"scheduling: {{blackout: [{{first: {today}, last: {today + DAY}}}]}}"
    write_program(tmp_path / "programs", yaml=f"name: Shelves\noptimization: {{min_traces: 20}}\n{own}\n")
    for kind in (DagRunType.SCHEDULED, DagRunType.BACKFILL_JOB, DagRunType.ASSET_TRIGGERED):
        with pytest.raises(TaskDeferred) as deferred:
            sensor().execute(context(kind=kind))
        assert deferred.value.method_name == "execute_when_free"
        assert deferred.value.trigger.moment == datetime.combine(today + 2 * DAY, time(), UTC)
    assert sensor().execute(context())["count"] == 20


@pytest.mark.usefixtures("airflow")
def test_a_run_that_is_due_waits_for_the_gap_after_the_one_before(settings: Settings, tmp_path: Path) -> None:
    log_shelf_calls(settings, count=20)
    own = "scheduling: {min_gap_hours: 24}"
    write_program(tmp_path / "programs", yaml=f"name: Shelves\noptimization: {{min_traces: 20}}\n{own}\n")
    backfilled = run_context("backfill__1", DagRunType.BACKFILL_JOB, Window(start=WEEK.start - DAY, end=WEEK.end))
    assert sensor().execute(backfilled)["count"] == 20
    first = run_context("scheduled__1", DagRunType.SCHEDULED)
    assert sensor().execute(first)["count"] == 20  # the backfill does not count
    assert sensor().execute(first)["count"] == 20  # nor does the run wait for itself when it is tried again
    second = run_context("scheduled__2", DagRunType.SCHEDULED)
    with pytest.raises(TaskDeferred) as deferred:
        sensor().execute(second)
    assert timedelta(hours=23, minutes=55) < deferred.value.trigger.moment - datetime.now(UTC) < DAY
    assert sensor().execute(backfilled)["count"] == 20


def run_context(run_id: str, kind: DagRunType, window: Window = WEEK) -> dict[str, Any]:
    own = context(window, kind)
    own["dag_run"].run_id = run_id
    return own


class Events(list):  # type: ignore[type-arg]
    """An asset's events, as Airflow gives them to a task."""

    def ascending(self, order: bool) -> "Events":
        return Events(self if order else reversed(self))

    def limit(self, most: int) -> "Events":
        return Events(self[:most])


def test_a_scheduled_run_waits_until_the_programs_before_it_reached_its_end(airflow: dict[str, Connection]) -> None:
    first, second = ended_asset("first"), ended_asset("second")
    waiting = UpstreamProgramsSensor(
        task_id="wait", program="shelves", upstream=[first, second], patience=timedelta(days=7)
    )
    assert (waiting.mode, waiting.timeout) == ("reschedule", 7 * 86400)
    reached = SimpleNamespace(extra={"window_start": format_utc(WEEK.start), "window_end": format_utc(WEEK.end)})
    before = SimpleNamespace(
        extra={"window_start": format_utc(WEEK.start - DAY), "window_end": format_utc(WEEK.end - DAY)}
    )
    by_hand = SimpleNamespace(extra={"from_rest_api": True})

    def goes_on(kind: DagRunType, *of_second: object) -> bool:
        inlet_events = {first: Events([reached, before]), second: Events(of_second)}
        return waiting.poke({**context(kind=kind), "inlet_events": inlet_events})

    assert not goes_on(DagRunType.SCHEDULED)
    assert not goes_on(DagRunType.BACKFILL_JOB, before, by_hand)
    assert goes_on(DagRunType.SCHEDULED, before, reached, by_hand)
    assert goes_on(DagRunType.MANUAL)
    assert goes_on(DagRunType.ASSET_TRIGGERED)


@pytest.mark.usefixtures("airflow")
def test_the_end_of_a_run_says_how_far_it_reached() -> None:
    ended = ended_asset("shelves")
    announced = SimpleNamespace(extra={})
    ti = SimpleNamespace(task_id="conclude", xcom_pull=lambda **_: None)
    ConcludeOperator(task_id="conclude", program="shelves", waited=None, ended=ended).execute(
        {**context(), "ti": ti, "outlet_events": {ended: announced}}
    )
    assert announced.extra == {"window_start": format_utc(WEEK.start), "window_end": format_utc(WEEK.end)}


@pytest.mark.usefixtures("airflow")
def test_the_deferred_sensor_goes_on_with_what_the_trigger_saw(settings: Settings) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    window = Window(start=now - DAY, end=now + DAY)
    seen = format_utc(now)
    with pytest.raises(AirflowFailException, match="Insufficient traces: 0 < 20"):
        sensor().execute_complete(context(window), {"seen_at": seen})
    log_shelf_calls(settings, count=20, window=Window(start=window.start, end=now))
    found = sensor().execute_complete(context(window), {"seen_at": seen})
    assert found["window"] == {"start": format_utc(window.start), "end": seen}
    assert (found["count"], found["new_outcomes"]) == (20, 20)
    with pytest.raises(AirflowException, match="MLflow is gone") as raised:  # which Airflow tries again
        sensor().execute_complete(context(window), {"error": "MLflow is gone"})
    assert not isinstance(raised.value, AirflowFailException)


class LookedError(Exception):
    """A trigger has looked often enough."""


def fired(trigger: TraceVolumeTrigger | NewTracesTrigger) -> Any:
    """The payload of the trigger's first event."""
    path, arguments = trigger.serialize()
    assert path.endswith(type(trigger).__name__)
    again = type(trigger)(**arguments)
    again.asset_state_store = getattr(trigger, "asset_state_store", None)

    async def first() -> Any:
        return (await asyncio.wait_for(anext(again.run()), timeout=30)).payload

    return asyncio.run(first())


@pytest.mark.usefixtures("airflow")
def test_the_trigger_fires_with_enough_calls_or_at_its_deadline(settings: Settings) -> None:
    def trigger(enough: int) -> TraceVolumeTrigger:
        return TraceVolumeTrigger(
            program="shelves",
            window_start=format_utc(WEEK.start),
            enough=enough,
            deadline=format_utc(WEEK.end),
            poll_seconds=0.01,
        )

    log_shelf_calls(settings, count=10)
    assert fired(trigger(10)) == {"seen_at": format_utc(WEEK.end)}
    assert fired(trigger(99)) == {"seen_at": format_utc(WEEK.end)}


@pytest.mark.usefixtures("airflow")
def test_triggers_that_look_at_the_same_time_share_one_look(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    log_shelf_calls(settings, count=10)
    looks: list[int] = []
    answers = shared_look._answers

    def counted(own: Settings, asks: tuple[shared_look.Ask, ...]) -> list[bool]:
        looks.append(len(asks))
        return answers(own, asks)

    monkeypatch.setattr(shared_look, "_answers", counted)

    async def ask_together() -> list[bool]:
        asks = [shared_look.Ask("shelves", WEEK, enough) for enough in (1, 10, 11)]
        return await asyncio.gather(*map(shared_look.has_enough, asks))

    assert asyncio.run(ask_together()) == [True, True, False]
    assert looks == [3]


@pytest.mark.usefixtures("airflow")
def test_a_program_that_cannot_be_loaded_fails_its_own_trigger_only(settings: Settings) -> None:
    log_shelf_calls(settings, count=3)

    async def ask_together() -> list[bool | BaseException]:
        asks = [shared_look.Ask(name, WEEK, 1) for name in ("nobody", "shelves")]
        return await asyncio.gather(*map(shared_look.has_enough, asks), return_exceptions=True)

    failed, found = asyncio.run(ask_together())
    assert isinstance(failed, TelepromptError)
    assert found is True


def test_past_its_deadline_the_trigger_says_that_mlflow_is_away(
    airflow: dict[str, Connection], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    airflow["mlflow_default"] = Connection(conn_id="m", conn_type="http", host="127.0.0.1", port=9)
    trigger = TraceVolumeTrigger(
        program="shelves",
        window_start=format_utc(WEEK.start),
        enough=1,
        deadline=format_utc(WEEK.end),
        poll_seconds=0.01,
    )
    assert "MLflow at http://127.0.0.1:9 does not answer" in fired(trigger)["error"]


class Store:
    """An asset's state, as the triggerer gives it."""

    def __init__(self, **values: str) -> None:
        self.values = values

    async def aget(self, key: str) -> str | None:
        return self.values.get(key)

    async def aset(self, key: str, value: str) -> None:
        self.values[key] = value


@pytest.mark.usefixtures("airflow")
def test_new_calls_are_announced_once_and_the_place_is_kept(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    log_shelf_calls(settings, count=25)
    trigger = NewTracesTrigger(program="shelves", enough=20, least=20, max_wait_seconds=1e9, poll_seconds=0.01)
    trigger.asset_state_store = store = Store(watermark=format_utc(WEEK.start))
    payload = fired(trigger)
    assert payload["window_start"] == format_utc(WEEK.start)
    waiting = NewTracesTrigger(program="shelves", enough=99, least=20, max_wait_seconds=1, poll_seconds=0.01)
    waiting.asset_state_store = Store(watermark=format_utc(WEEK.start))
    assert fired(waiting)["window_start"] == format_utc(WEEK.start)  # it waited long enough
    early = NewTracesTrigger(
        program="shelves", enough=20, least=20, max_wait_seconds=1e9, min_gap_seconds=1e10, poll_seconds=0.01
    )
    early.asset_state_store = Store(watermark=format_utc(WEEK.start))
    looks = 0

    async def paused(_seconds: float) -> None:
        nonlocal looks
        looks += 1
        if looks == 3:
            raise LookedError

    monkeypatch.setattr("teleprompt_airflow.triggers.trace_volume.asyncio.sleep", paused)
    with pytest.raises(LookedError):
        fired(early)
    assert store.values["watermark"] <= payload["window_end"]


def waited(window: Window = WEEK, key: str | None = None) -> dict[str, Any]:
    found = sensor().execute(context(window))
    return {**found, **({"key": key} if key else {})}


@pytest.mark.usefixtures("airflow")
def test_an_operator_calls_its_stage_and_returns_plain_json(settings: Settings) -> None:
    import json

    log_shelf_calls(settings, count=60)
    ready = waited()
    snapshot = CollectOperator(task_id="collect", program="shelves", waited=ready).execute(context())
    assert json.loads(json.dumps(snapshot)) == snapshot
    assert snapshot["trace_count"] == 60
    baseline = BaselineOperator(task_id="baseline", program="shelves", waited=ready).execute(context())
    compiling = CompileOperator(
        task_id="compile", program="shelves", waited=ready, snapshot=snapshot, baseline=baseline, seed=0
    )
    candidate = compiling.execute(context())
    assert Path(candidate["state"]["uri"]).is_file()
    assert CompileOperator.template_fields == ("waited", "snapshot", "baseline")


@pytest.mark.parametrize("lacking", ["waited", "snapshot", "candidates"])
def test_what_an_earlier_failure_left_nothing_to_is_told_of_once(lacking: str, monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, Any] = {"waited": {"window": {}}, "snapshot": {"digest": "d"}, "candidates": [{"seed": 0}]}
    selecting = SelectOperator(task_id="select", program="shelves", **{**given, lacking: None})
    told: list[Any] = []
    monkeypatch.setattr("teleprompt_airflow.notifications.failure.tell", lambda alerts, _context: told.extend(alerts))
    with pytest.raises(AirflowFailException, match="a task before this one failed") as failed:
        selecting.execute(context())
    FailureAlert(program="shelves").notify({**context(), "exception": failed.value})
    assert told == []


@pytest.mark.usefixtures("airflow")
def test_a_program_that_changed_in_the_middle_of_a_run_fails_it(settings: Settings, tmp_path: Path) -> None:
    log_shelf_calls(settings, count=20)
    ready = waited()
    code = tmp_path / "programs/shelves.py"
    code.write_text(code.read_text() + "\n# edited\n")
    with pytest.raises(AirflowFailException, match="changed during this run; clear the run"):
        CollectOperator(task_id="collect", program="shelves", waited=ready).execute(context())


def test_an_outage_is_airflows_to_retry(
    airflow: dict[str, Connection], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    log_shelf_calls(settings, count=20)
    ready = waited()
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    airflow["mlflow_default"] = Connection(conn_id="m", conn_type="http", host="127.0.0.1", port=9)
    with pytest.raises(TrackingUnavailableError, match=r"MLflow at http://127\.0\.0\.1:9 does not answer"):
        CollectOperator(task_id="collect", program="shelves", waited=ready).execute(context())


@pytest.mark.parametrize(
    ("verdict", "task"), [("promote", "register"), ("reject", "keep_champion"), ("inconclusive", "keep_champion")]
)
def test_the_branch_follows_the_verdict(verdict: str, task: str) -> None:
    branch = DeltaOneBranchOperator(
        task_id="deltaone",
        comparison={"report": {"verdict": verdict}},
        on_promote="register",
        otherwise="keep_champion",
    )
    assert branch.choose_branch({}) == task


def stages_up_to_the_gate(**params: Any) -> dict[str, Any]:
    """The records of a run, made by its operators."""
    ready, asked = waited(), context(**params)
    stage = {"program": "shelves", "waited": ready}
    snapshot = CollectOperator(task_id="collect", **stage).execute(asked)
    baseline = BaselineOperator(task_id="baseline", **stage).execute(asked)
    candidate = CompileOperator(task_id="c", snapshot=snapshot, baseline=baseline, seed=0, **stage).execute(asked)
    selection = SelectOperator(task_id="s", snapshot=snapshot, candidates=[candidate], **stage).execute(asked)
    records = {"snapshot": snapshot, "selection": selection, "baseline": baseline}
    return {**records, "comparison": GateOperator(task_id="gate", **records, **stage).execute(asked)}


@pytest.mark.usefixtures("airflow")
def test_labels_that_are_mostly_the_champions_own_keep_the_champion(settings: Settings) -> None:
    log_own_answers(settings)
    comparison = stages_up_to_the_gate()["comparison"]
    assert comparison["report"]["verdict"] == "inconclusive"
    assert "labels are the champion's own answers" in comparison["report"]["pending"]
    branch = DeltaOneBranchOperator(
        task_id="deltaone", comparison=comparison, on_promote="register", otherwise="keep_champion"
    )
    assert branch.choose_branch({}) == "keep_champion"


@pytest.mark.usefixtures("airflow")
def test_a_run_that_could_see_nothing_is_skipped_if_asked(settings: Settings, tmp_path: Path) -> None:
    yaml = "name: Shelves\noptimization: {min_traces: 20}\ngate: {on_low_power: skip}\n"
    write_program(tmp_path / "programs", yaml=yaml)
    log_shelf_calls(settings, count=160)
    stage = {"program": "shelves", "waited": waited()}
    snapshot = CollectOperator(task_id="collect", **stage).execute(context())
    with pytest.raises(AirflowSkipException, match="skipped before anything is spent"):
        PowerOperator(task_id="power", snapshot=snapshot, **stage).execute(context())


@pytest.mark.usefixtures("airflow")
def test_approval_shows_the_report_and_a_refusal_is_written_down(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    log_shelf_calls(settings, count=160)
    comparison = stages_up_to_the_gate()["comparison"]
    approval = GateApprovalOperator(
        task_id="approval", subject="Promote?", program="shelves", waited=waited(), comparison=comparison
    )
    shown: list[str] = []
    monkeypatch.setattr(ApprovalOperator, "execute", lambda self, _context: shown.append(self.body))
    approval.execute(context())
    assert "**promote**" in shown[0]
    assert "| sealed | look 1 of the year, 0 seen before, 0 retired |" in shown[0]
    assert "    self: +16 -0 demonstrations\n" in shown[0]
    with mlflow_client(settings.tracking_uri) as client:
        (run,) = list_runs(client)
    assert f"(/teleprompt/ui/programs/shelves/runs/{run.run_id}#prompt)" in shown[0]

    def answered(option: str, user: str | None) -> None:
        event = {
            "chosen_options": [option],
            "params_input": {},
            "responded_at": datetime.now(UTC),
            "responded_by_user": user and {"id": user, "name": user},
        }
        approval.execute_complete(context(), event)

    with mlflow_client(settings.tracking_uri) as client:
        answered("Approve", "anna")
        assert Action.REFUSE not in [change.action for change in list_changes(client, "Shelves")]
        answered("Reject", "anna")
        answered("Reject", None)  # nobody answered in time
        refusals = [change for change in list_changes(client, "Shelves") if change.action is Action.REFUSE]
        (run,) = list_runs(client)
    assert [change.who for change in refusals] == ["nobody", "anna"]
    assert (run.state, run.model_version) == ("finished", None)


@pytest.mark.usefixtures("airflow")
def test_an_answer_outlives_an_outage(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Airflow's own retry would forget it, and ask again."""
    approval = GateApprovalOperator(
        task_id="approval", subject="Promote?", program="shelves", waited={"key": "0" * 64}, comparison={}
    )
    answers = iter([TrackingUnavailableError(settings.tracking_uri, OSError()), RegistryBusyError("x", 1.0, "y"), None])

    def append(*arguments: Any) -> None:
        if error := next(answers):
            raise error
        audit_trail_append(*arguments)

    audit_trail_append = audit_trail.append
    monkeypatch.setattr(audit_trail, "append", append)
    monkeypatch.setattr("tenacity.nap.time.sleep", lambda _seconds: None)
    event = {"chosen_options": ["Approve"], "responded_by_user": {"id": "anna"}, "responded_at": WEEK.end}
    approval.execute_complete(context(), {**event, "params_input": {}})
    with mlflow_client(settings.tracking_uri) as client:
        assert [(entry.deed, entry.who) for entry in audit_trail.read_trail(client, "Shelves")] == [("approve", "anna")]


@pytest.mark.usefixtures("airflow")
def test_the_watch_fails_on_a_regression_and_says_what_was_done(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    from teleprompt.production.look import Production
    from teleprompt.production.report import ProductionReport, WatchOutcome

    watch = WatchOperator(task_id="watch", program="shelves")
    looking = {**context(), "ti": Remembering()}
    assert watch.execute(looking)["outcome"] == "nothing"
    report = ProductionReport(outcome=WatchOutcome.ROLLED_BACK, version="1.0.0-opt-x", why="-9 points.")
    monkeypatch.setattr(Production, "look", lambda _self: report)
    with pytest.raises(AirflowFailException, match=r"1.0.0-opt-x of Shelves does worse: -9 points. it was rolled back"):
        watch.execute(looking)


class Remembering:
    """A task instance that keeps what its runs push."""

    task_id = "watch"

    def __init__(self) -> None:
        self.pushed: dict[str, list[Any]] = {}

    def xcom_push(self, *, key: str, value: Any) -> None:
        self.pushed.setdefault(key, []).append(value)

    def xcom_pull(self, *, task_ids: str, key: str, include_prior_dates: bool) -> Any:
        assert (task_ids, include_prior_dates) == ("watch", True)
        return self.pushed.get(key)


@pytest.mark.usefixtures("airflow")
def test_the_watch_tells_of_the_days_that_airflow_stood_still_and_of_none_twice(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Window] = []
    monkeypatch.setattr(
        "teleprompt.alerts.of_watch.alerts_before_look", lambda *_, since, **__: told.append(since) or []
    )
    ti, watch = Remembering(), WatchOperator(task_id="watch", program="shelves")
    days = [Window(start=WEEK.start + timedelta(days=n), end=WEEK.start + timedelta(days=n + 1)) for n in (0, 1, 4)]
    for day in (*days, days[1]):  # the last one is cleared
        watch.execute({**context(day, kind=DagRunType.SCHEDULED), "ti": ti})
    assert told == [days[0], days[1], Window(start=days[1].end, end=days[2].end), days[1]]


@pytest.mark.usefixtures("airflow")
def test_what_could_not_be_told_is_not_taken_for_told(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: Any, **__: Any) -> None:
        raise TrackingUnavailableError(settings.tracking_uri, OSError())

    monkeypatch.setattr("teleprompt.alerts.of_watch.alerts_before_look", away)
    ti = Remembering()
    with pytest.raises(TrackingUnavailableError):
        WatchOperator(task_id="watch", program="shelves").execute({**context(), "ti": ti})
    assert ti.pushed == {}


@pytest.mark.usefixtures("airflow")
def test_a_backlog_that_cannot_be_counted_hinders_no_look(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    log_shelf_calls(settings, count=20)
    assert waited()["count"] == 20  # so that there is a window to count from

    def gone(*_: Any, **__: Any) -> None:
        raise ConfigurationError("MLflow has no experiment 'x'; correct it.")

    monkeypatch.setattr("teleprompt.traces.volume.volume", gone)
    looking = {**context(), "ti": Remembering()}
    with caplog.at_level(logging.WARNING):
        assert WatchOperator(task_id="watch", program="shelves").execute(looking)["outcome"] == "nothing"
    assert "The backlog of shelves is not measured: MLflow has no experiment" in caplog.text
