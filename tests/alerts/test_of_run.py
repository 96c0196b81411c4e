"""What there is to tell of a run, and of a look at production, from what MLflow holds."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from teleprompt.alerts.of_run import RunEnd, alerts_of_run
from teleprompt.alerts.of_watch import alerts_before_look, alerts_of_look
from teleprompt.chain._fees import Fees
from teleprompt.chain.outbox import Attempt, Call, Outbox, Submission, waiting_since
from teleprompt.config.alerts import AlertEvent
from teleprompt.config.program import ProgramConfig
from teleprompt.config.settings import Settings
from teleprompt.pipeline.pipeline import Pipeline
from teleprompt.pipeline.whole_run import run_all_stages
from teleprompt.production.report import ProductionReport, WatchOutcome
from teleprompt.queries.history import find_summary
from teleprompt.registry.change_log import Action, ChangeState, write_entry
from teleprompt.storage.blobs import write_note
from teleprompt.tracking.connection import mlflow_client
from teleprompt.tracking.pipeline_run import PipelineRun
from teleprompt.tracking.run_key import RunKey
from teleprompt.window import Window
from tests.support import WEEK, log_shelf_calls, write_program

NOW = datetime(2026, 11, 22, tzinfo=UTC)


def shelves(settings: Settings, folder: Path, window: Window = WEEK, extra: str = "") -> Pipeline:
    text = f"name: Shelves\noptimization: {{min_traces: 20{extra}}}\n"
    file = write_program(folder / "programs", yaml=text)
    return Pipeline.of_file(file, settings=settings, window=window)


def told(settings: Settings, pipeline: Pipeline) -> dict[AlertEvent, Any]:
    with mlflow_client(settings.tracking_uri) as client:
        run = find_summary(client, program="Shelves", key=pipeline.key.digest)
        end = RunEnd(dag_run_id="r", window=str(pipeline.window), run=run, insufficient_in_a_row=0)
        return {alert.event: alert for alert in alerts_of_run(client, pipeline.config, end)}


def test_a_better_version_is_told_of_with_its_figures(settings: Settings, tmp_path: Path) -> None:
    log_shelf_calls(settings, count=80)
    pipeline = shelves(settings, tmp_path)
    outcome = run_all_stages(pipeline)
    assert outcome.version is not None
    found = told(settings, pipeline)
    alert = found[AlertEvent.DELTAONE]
    assert alert.facts["delta_points"] == outcome.comparison.report.delta_e6 / 1e4
    assert alert.facts["attestation_id"] == outcome.attestation.attestation_id
    assert f"version {outcome.version.number} was registered" in alert.text
    assert AlertEvent.REJECTION not in found
    assert alert.alert_id == told(settings, pipeline)[AlertEvent.DELTAONE].alert_id

    # A week later one that learnt less is no better than the champion: a rejection, by name.
    following = Window(start=WEEK.end, end=WEEK.end + timedelta(days=7))
    log_shelf_calls(settings, count=80, window=following)
    again = shelves(settings, tmp_path, following, extra=", options: {max_labeled_demos: 1, max_bootstrapped_demos: 0}")
    run_all_stages(again)
    assert "the champion stays" in told(settings, again)[AlertEvent.REJECTION].text


def test_low_power_and_a_used_up_budget_are_told_of(settings: Settings, tmp_path: Path) -> None:
    log_shelf_calls(settings, count=30)
    pipeline = shelves(settings, tmp_path, extra=", strategy: bootstrap_fewshot_random, budget: {max_calls: 60}")
    run_all_stages(pipeline)
    found = told(settings, pipeline)
    assert "too few" in found[AlertEvent.LOW_POWER].text
    assert "cut short" in found[AlertEvent.BUDGET].text


def test_traffic_is_compared_with_the_runs_before(settings: Settings, tmp_path: Path) -> None:
    weeks = [
        Window(start=WEEK.start - timedelta(days=7 * k), end=WEEK.end - timedelta(days=7 * k)) for k in (4, 3, 2, 1, 0)
    ]
    for number, week in enumerate(weeks):
        log_shelf_calls(settings, count=25 if number < 4 else 100, window=week)
        pipeline = shelves(settings, tmp_path, week)
        pipeline.collect()
        found = told(settings, pipeline)
        assert (AlertEvent.TRAFFIC in found) == (number == 4)
    assert "calls a day is 14.3 instead of about 3.57" in found[AlertEvent.TRAFFIC].text


def test_an_earlier_run_of_another_version_of_the_package_does_not_matter(settings: Settings, tmp_path: Path) -> None:
    log_shelf_calls(settings, count=25)
    pipeline = shelves(settings, tmp_path)
    pipeline.collect()
    with mlflow_client(settings.tracking_uri) as client:
        other = PipelineRun.open(client, RunKey(program="Shelves", window=WEEK, fingerprint="0" * 64))
        other.write_text("records/snapshot.json", '{"of": "the future"}')
    assert AlertEvent.TRAFFIC not in told(settings, pipeline)


def watched(
    settings: Settings,
    config: ProgramConfig,
    outcome: WatchOutcome = WatchOutcome.STEADY,
    actor: str = "airflow teleprompt_shelves.watch scheduled__2",
) -> list[Any]:
    since = Window(start=datetime.now(UTC) - timedelta(hours=1), end=datetime.now(UTC) + timedelta(hours=1))
    report = ProductionReport(outcome=outcome, version="1.0.1", why="0.1 less.")
    with mlflow_client(settings.tracking_uri) as client:
        waiting = waiting_since(settings.storage_uri, config.chain) if config.chain else {}
        before = alerts_before_look(client, config, since=since, waiting=waiting, actor=actor, now=NOW)
        return before + alerts_of_look(client, config, report, actor=actor, now=NOW)


def test_a_rollback_is_told_of_whoever_did_it_and_a_regression_too(settings: Settings) -> None:
    config = ProgramConfig(name="Shelves", slug="shelves")
    assert watched(settings, config) == []
    with mlflow_client(settings.tracking_uri) as client:
        for action in (Action.PROMOTE, Action.ROLLBACK):
            before, after = {"champion": 2}, {"champion": 1}
            write_entry(client, "Shelves", action, before, after, ChangeState.DONE, who="ann", why="it was worse")
    (alert,) = watched(settings, config)
    assert (alert.event, alert.text) == (
        AlertEvent.ROLLBACK,
        "Version 1 is champion again instead of 2: it was worse (ann).",
    )
    assert {a.event for a in watched(settings, config, WatchOutcome.REGRESSED)} == {
        AlertEvent.ROLLBACK, AlertEvent.REGRESSION,
    }  # fmt: skip


def test_a_rollback_of_a_clock_that_was_put_back_is_told_of_all_the_same(settings: Settings) -> None:
    """It seems older than what was told of; its number says that it is not."""
    config = ProgramConfig(name="Shelves", slug="shelves")
    since = Window(start=datetime.now(UTC) + timedelta(days=2), end=datetime.now(UTC) + timedelta(days=3))
    with mlflow_client(settings.tracking_uri) as client:
        for why in ("it was told of before", "it was not"):
            before, after = {"champion": 2}, {"champion": 1}
            write_entry(client, "Shelves", Action.ROLLBACK, before, after, ChangeState.DONE, who="ann", why=why)
        found = alerts_before_look(client, config, since=since, told=1, waiting={}, actor="a b")
        assert [alert.text for alert in found] == ["Version 1 is champion again instead of 2: it was not (ann)."]
        assert alerts_before_look(client, config, since=since, told=2, waiting={}, actor="a b") == []
        assert alerts_before_look(client, config, since=since, waiting={}, actor="a b") == []


def test_what_a_person_typed_is_one_line_of_an_alert(settings: Settings) -> None:
    config = ProgramConfig(name="Shelves", slug="shelves")
    before, after, why = {"champion": 2}, {"champion": 1}, "bad\x1b[31m\nDeltaOne: +9 points \u202e"
    with mlflow_client(settings.tracking_uri) as client:
        write_entry(client, "Shelves", Action.ROLLBACK, before, after, ChangeState.DONE, who="ann\r", why=why)
    (alert,) = watched(settings, config)
    said = r"bad\x1b[31m\nDeltaOne: +9 points \u202e (ann\r)."
    assert alert.text == f"Version 1 is champion again instead of 2: {said}"


def test_a_rollback_by_the_watch_is_told_of_once_and_at_once(settings: Settings) -> None:
    config = ProgramConfig(name="Shelves", slug="shelves")
    who = "airflow teleprompt_shelves.watch scheduled__1"
    with mlflow_client(settings.tracking_uri) as client:
        write_entry(client, "Shelves", Action.ROLLBACK, {}, {"champion": 1}, ChangeState.DONE, who=who, why="worse")
    assert [alert.event for alert in watched(settings, config, actor=who)] == [AlertEvent.ROLLBACK]
    assert watched(settings, config) == []  # the next look, whose interval it falls into


@pytest.mark.parametrize(("age", "is_told"), [(timedelta(hours=23), False), (timedelta(hours=25), True)])
def test_a_transaction_that_waits_for_too_long_is_told_of(settings: Settings, age: timedelta, is_told: bool) -> None:
    chain = {"adapter": "eas", "chain_id": 1, "contract": "0x" + "1" * 40, "schema_registry": "0x" + "2" * 40}
    config = ProgramConfig.model_validate({"name": "Shelves", "slug": "shelves", "chain": chain})
    attempt = Attempt(
        nonce=1, fees=Fees(max_fee=2, priority_fee=1), gas=1, raw="0x", tx_hash="0x" + "a" * 64, made_at=NOW - age
    )
    for key, contract in (("a" * 64, "0x" + "1" * 40), ("b" * 64, "0x" + "9" * 40)):  # the latter is another program's
        call = Call(chain_id=1, sender="0x", to=contract, data="0x")
        Outbox(settings.storage_uri, key).save(Submission(call=call, attempts=(attempt,)))
    write_note(settings.storage_uri, f"outbox/{'c' * 64}.json", "{")  # stops what is sent, not those who look
    assert [alert.event for alert in watched(settings, config)] == [AlertEvent.OUTBOX] * is_told


def test_a_run_that_did_not_begin_is_told_of_every_so_many_times(settings: Settings) -> None:
    config = ProgramConfig(name="Shelves", slug="shelves")
    with mlflow_client(settings.tracking_uri) as client:
        counts = []
        for number in range(10):
            end = RunEnd(dag_run_id="r", window=str(WEEK), run=None, insufficient_in_a_row=number)
            counts.append(len(alerts_of_run(client, config, end)))
    assert counts == [0, 0, 1, 0, 1, 0, 1, 0, 1, 0]
