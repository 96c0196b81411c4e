"""What the routes answer, against a store with one promoted run."""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from teleprompt.attest.load import load_attestation
from teleprompt.attest.proofs import check_proof, load_proof
from teleprompt.config.settings import Settings
from teleprompt.registry.aliases import aliases_of
from teleprompt.sdk.trace_loader import TraceLoader
from teleprompt.traces.submission.spool import Spool
from teleprompt.tracking.connection import mlflow_client
from tests.airflow.api.conftest import API, World
from tests.chain.anvil import CHAIN_ID, Anvil
from tests.support import ALICE, WEEK, write_program
from tests.waiting import wait_until


def problem(world: World, method: str, path: str, status: int, **options: Any) -> dict[str, Any]:
    """A problem document (RFC 9457)."""
    answer = world.call(method, path, **options)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), answer.text
    body = answer.json()
    assert body["status"] == status
    return dict(body)


def test_programs_are_listed_the_broken_ones_too_and_shown(world: World) -> None:
    broken, shelves = world.get("/programs", role="viewer")["programs"]
    assert (shelves["program"], shelves["name"], shelves["dag_id"]) == ("shelves", "Shelves", "teleprompt_shelves")
    assert "nope" in broken["problem"]
    shown = world.get("/programs/shelves")
    assert shown["configuration"]["optimization"]["min_traces"] == 20
    assert shown["schedule"]["paused"] in {True, False}
    assert world.call("POST", "/programs/shelves/validation").json() == {"valid": True, "problem": None}
    found = world.call("POST", "/programs/broken/validation").json()
    assert (found["valid"], found["problem"]["key"]) == (False, "nope")
    assert "nope" in problem(world, "GET", "/programs/broken", 409)["detail"]
    assert "no program 'other'" in problem(world, "GET", "/programs/other", 404)["detail"]
    problem(world, "GET", "/programs/Shelves", 422)


def test_a_rule_whose_notifier_cannot_be_made_is_not_valid(
    world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    rules = json.dumps({"rules": [{"events": ["failure"], "notifier": "nowhere.Notifier"}]})
    write_program(tmp_path, yaml=f"name: Shelves\nalerts: {rules}\n")
    monkeypatch.setenv("TELEPROMPT_PROGRAMS_DIR", str(tmp_path))
    found = world.call("POST", "/programs/shelves/validation").json()
    assert (found["valid"], found["problem"]["key"]) == (False, "alerts.rules")
    assert "There is no notifier nowhere.Notifier" in found["problem"]["error"]


def test_runs_are_read_page_by_page(world: World) -> None:
    page = world.get("/programs/shelves/runs", limit=1)
    (run,) = page["runs"]
    assert (run["verdict"], run["attestation_id"]) == ("promote", world.run.attestation_id)
    if page["next_cursor"]:
        assert world.get("/programs/shelves/runs", cursor=page["next_cursor"])["runs"] == []
    assert world.get(f"/programs/shelves/runs/{run['run_id']}") == run
    gate = world.get(f"/programs/shelves/runs/{run['run_id']}/gate")
    assert gate["report"]["delta_e6"] == run["delta_e6"]
    problem(world, "GET", "/programs/shelves/runs/nothing", 404)
    problem(world, "GET", "/programs/shelves/runs?cursor=nonsense", 422)
    problem(world, "GET", "/programs/shelves/runs?limit=0", 422)


def test_a_run_is_started_once_for_each_key_and_cancelled(world: World) -> None:
    path = "/programs/shelves/dag-runs"
    window = {"start": "2026-11-09T00:00:00Z", "end": "2026-11-16T00:00:00Z"}
    key = {"Idempotency-Key": "monday, the second try"}
    first = world.call("POST", path, json={"window": window, "min_traces": 30}, headers=key, role="user")
    assert first.status_code == 201, first.text
    again = world.call("POST", path, json={"window": window, "min_traces": 30}, headers=key, role="user")
    assert (again.status_code, again.json()) == (200, first.json())
    assert "another run" in problem(world, "POST", path, 409, json={"min_traces": 31}, headers=key)["detail"]
    run = first.json()
    assert (run["state"], run["asked_for_by"]) == ("queued", "user")
    own = f"{path}/{run['dag_run_id']}"
    assert "wait_for_traces" in {task["task_id"] for task in world.get(own)["tasks"]}
    assert world.call("POST", f"{own}/cancellation").json()["state"] == "failed"
    assert world.call("POST", f"{own}/cancellation").json()["state"] == "failed"
    without_key = world.call("POST", path).json()
    assert without_key["dag_run_id"] != run["dag_run_id"]
    problem(world, "GET", f"{path}/nothing", 404)
    backwards = {"start": window["end"], "end": window["start"]}
    problem(world, "POST", path, 422, json={"window": backwards})
    problem(world, "POST", path, 422, json={"nonsense": 1})


def test_versions_are_listed_and_rolled_back_by_who_may(world: World) -> None:
    assert [version["number"] for version in world.get("/programs/shelves/versions")["versions"]] == [2, 1]
    assert world.get("/programs/shelves/versions/2")["aliases"] == ["champion"]
    problem(world, "GET", "/programs/shelves/versions/3", 404)
    path = "/programs/shelves/champion"
    back = world.call("PUT", path, json={"why": "a test"}, role="user").json()
    assert back == {"champion": 1, "changed": True}
    assert world.call("PUT", path, json={"why": "a test", "instead_of": 2}).json() == {"champion": 1, "changed": False}
    forward = world.call("PUT", path, json={"number": 2, "why": "it was well"}).json()
    assert forward == {"champion": 2, "changed": True}
    with mlflow_client(world.settings.tracking_uri) as client:
        assert aliases_of(client, "Shelves")["champion"] == 2
    change = world.get("/programs/shelves/changes")["changes"][1]
    assert (change["action"], change["who"], change["why"]) == ("rollback", "user by the API", "a test")
    assert "never champion" in problem(world, "PUT", path, 422, json={"number": 9, "why": "x"})["detail"]


def test_attestations_come_in_their_exact_bytes_and_are_verified(world: World) -> None:
    (listed,) = world.get("/attestations", program="shelves", contributor=ALICE)["attestations"]
    own = listed["attestation_id"]
    assert world.get("/attestations", program="other")["attestations"] == []
    shown = world.call("GET", f"/attestations/{own}")
    assert shown.headers["etag"] == f'"{listed["attestation_hash"]}"'
    kept = world.call("GET", f"/attestations/{own}", headers={"If-None-Match": shown.headers["etag"]})
    assert (kept.status_code, kept.content) == (304, b"")
    checked = world.call("POST", "/attestations/verification", content=shown.content, role="viewer").json()
    assert (checked["valid"], checked["code"]) == (True, "OK")
    changed = shown.content.replace(b'"weight": 0.', b'"weight": 0.0', 1)
    assert world.call("POST", "/attestations/verification", content=changed).json()["valid"] is False
    problem(world, "GET", "/attestations/nothing", 404)

    attestation, _ = load_attestation(shown.content)
    reward = world.call("GET", f"/attestations/{own}/proofs/rewards/alice?total=1000")
    assert "are due to" in check_proof(attestation, load_proof(reward.content))
    problem(world, "GET", f"/attestations/{own}/proofs/traces/nothing", 404)


def test_contributors_are_summed_by_program_and_period(world: World) -> None:
    people = {p["contributor_id"]: p for p in world.get("/contributors", total="1000", decimals=0)["contributors"]}
    assert sum(int(person["base_units"]) for person in people.values()) == 1000
    assert people["alice"]["addresses"] == [ALICE]
    (part,) = world.get("/contributors/alice", program="shelves")["contributions"]
    assert part["attestation_id"] == world.run.attestation_id
    period = {"start": "2020-01-01T00:00:00Z", "end": "2021-01-01T00:00:00Z"}
    assert world.get("/contributors", **period)["contributors"] == []
    problem(world, "GET", "/contributors?start=2020-01-01T00:00:00Z", 422)
    problem(world, "GET", "/contributors/nobody", 404)


def test_a_glance_and_a_count(world: World) -> None:
    (shelves,) = world.get("/overview", role="viewer")["programs"]
    assert shelves == world.get("/programs/shelves/overview")
    assert (shelves["champion"]["number"], shelves["last_verdict"]["verdict"]) == (2, "promote")
    window = {"start": "2026-11-09T00:00:00Z", "end": "2026-11-16T00:00:00Z"}
    assert world.get("/programs/shelves/traces/count", **window)["found"]["calls"] == 160
    problem(world, "GET", f"/programs/shelves/traces/count?start={window['end']}&end={window['start']}", 422)


def test_more_readers_than_threads_do_not_stop_each_other(world: World, address: str) -> None:
    """A session of Airflow's database that another thread closes would: all threads wait for its connection."""
    headers = {"Authorization": f"Bearer {world.tokens['viewer']}"}

    def read(_number: int) -> int:
        return httpx.get(f"{address}{API}/programs/shelves", headers=headers, timeout=60, verify=False).status_code

    with ThreadPoolExecutor(100) as pool:
        assert set(pool.map(read, range(300))) == {200}


def test_what_is_missing_is_named_with_its_remedy(world: World) -> None:
    assert world.get("/health/live", role="viewer") == {"status": "ok"}
    answer = world.call("GET", "/health/ready")
    found = {finding["check"]: finding for finding in answer.json()["findings"]}
    assert answer.status_code == 503
    assert (found["mlflow"]["ok"], found["storage"]["ok"]) == (True, True)
    assert "airflow pools set" in found["pool teleprompt"]["remedy"]
    assert "nope" in found["programs"]["detail"]
    assert answer.headers["retry-after"] == "30"


def test_it_is_ready_when_all_is_there(
    world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, anvil: Anvil
) -> None:
    from airflow.models.pool import Pool

    chain = {"adapter": "eas", "chain_id": CHAIN_ID, "contract": ALICE, "schema_registry": ALICE}
    write_program(tmp_path, yaml=f"name: Shelves\nchain: {json.dumps(chain)}\n")
    monkeypatch.setenv("TELEPROMPT_PROGRAMS_DIR", str(tmp_path))
    pools = {"teleprompt": 4, "teleprompt_chain": 1}
    for name, slots in pools.items():
        Pool.create_or_update_pool(name, slots=slots, description="", include_deferred=False)
    try:
        away = world.call("GET", "/health/ready").json()
        assert [finding["check"] for finding in away["findings"] if not finding["ok"]] == [f"chain {CHAIN_ID}"]
        monkeypatch.setenv("AIRFLOW_CONN_TELEPROMPT_WEB3", json.dumps({"conn_type": "generic", "password": anvil.url}))
        assert world.get("/health/ready")["ready"] is True
    finally:
        for name in pools:
            Pool.delete_pool(name)


def test_a_window_that_is_too_long_is_not_inspected(world: World) -> None:
    problem(
        world, "GET", "/programs/shelves/traces/inspection?start=2026-01-01T00:00:00Z&end=2026-11-16T00:00:00Z", 400
    )


def test_an_attestation_whose_bytes_are_gone_is_said_to_be(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither left out of the sums of contributors, nor taken from what was read before."""
    own = f"/attestations/{world.run.attestation_id}"
    assert world.call("GET", own).status_code == 200
    monkeypatch.setattr("teleprompt.tracking.pipeline_run.PipelineRun.read_bytes", lambda *_: None)
    assert "restore the run's artifacts" in problem(world, "GET", own, 409)["detail"]


def test_mlflow_away_is_worth_a_retry(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    away = Settings(tracking_uri="http://127.0.0.1:9", storage_uri=world.settings.storage_uri)
    monkeypatch.setattr("teleprompt_airflow.api.tracking.shared_settings", lambda: away)
    answer = world.call("GET", "/attestations")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "30")


def submitted(number: int, **changes: Any) -> dict[str, Any]:
    """A trace of a day of its own."""
    good = {
        "trace_id": f"api-{number}",
        "started_at": f"2026-10-05T12:00:{number:02}Z",
        "inputs": {"item": "cup"},
        "outputs": {"shelf": "left"},
        "outcomes": {"outcome_score": 0.5},
        "contributor_id": "alice",
    }
    return {**good, **changes}


def test_traces_are_handed_in_one_by_one_and_in_bulk_and_get_to_mlflow(world: World) -> None:
    path = "/programs/shelves/traces"
    one = world.call("POST", path, json=submitted(0), role="user")
    assert (one.status_code, one.json()["accepted"], one.json()["rejected"]) == (202, 1, 0), one.text
    rows = [submitted(i) for i in range(1, 6)] + [submitted(9, contributor_address="0x1")]
    body = "\n".join(json.dumps(row) for row in rows) + "\n\nnonsense\n"
    bulk = world.call("POST", f"{path}/bulk", content=body, role="user").json()
    assert (bulk["accepted"], bulk["rejected"]) == (5, 2)
    assert [reason["line"] for reason in bulk["reasons"]] == [6, 7]
    assert "contributor_address" in bulk["reasons"][0]["reason"]
    day = {"start": "2026-10-05T00:00:00Z", "end": "2026-10-06T00:00:00Z"}
    for _ in range(600):
        if not len(Spool(world.settings.spool_dir)):
            break
        time.sleep(0.1)
    assert len(Spool(world.settings.spool_dir)) == 0
    assert world.get(f"{path}/count", **day)["found"]["calls"] == 6

    problem(world, "POST", path, 422, json=submitted(1, surprise=1))
    problem(world, "POST", path, 403, json=submitted(1), role="viewer")
    problem(world, "POST", f"{path}/bulk", 413, content=b" " * (10 * 2**20 + 1))


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"started_at": "9999-12-31T00:00:00Z"}, "started_at"),
        ({"started_at": "0001-01-01T00:00:00Z"}, "started_at"),
        ({"outcomes": {"outcome_score": 2**64}}, "outcomes.outcome_score"),
        ({"outcomes": {"outcome_score": 10**400}}, "outcomes.outcome_score"),
        ({"trace_id": "x" * 201}, "trace_id"),
    ],
)
def test_a_trace_that_could_not_be_held_is_refused_with_its_place(
    world: World, changes: dict[str, Any], place: str
) -> None:
    """Not accepted and set aside; of many lines each is named, and if none is taken that is no success."""
    body, path = json.dumps(submitted(1, **changes)), "/programs/shelves/traces"
    headers = {"Content-Type": "application/json"}
    assert place in problem(world, "POST", path, 422, content=body, headers=headers)["detail"]
    refused = problem(world, "POST", f"{path}/bulk", 422, content=f"{body}\n{body}\n")
    assert [error["place"].split(":")[0] for error in refused["errors"]] == ["line 1", "line 2"]


@pytest.mark.parametrize(
    "changes",
    [
        {"outcomes": {"outcome_score": float("nan")}},
        {"inputs": {"item": "\ud800"}},
        {"inputs": {"\ud800": 1}},
        {"trace_id": "\ud800"},
        {"inputs": {"item": json.loads("[" * 230 + "]" * 230)}},
    ],
)
def test_what_is_no_json_is_refused_before_a_route_reads_it(world: World, changes: dict[str, Any]) -> None:
    """Alone the request is refused; among lines each is named."""
    body, path = json.dumps(submitted(1, **changes)), "/programs/shelves/traces"
    headers = {"Content-Type": "application/json"}
    assert "not JSON that can be read" in problem(world, "POST", path, 400, content=body, headers=headers)["detail"]
    refused = problem(world, "POST", f"{path}/bulk", 422, content=f"{body}\n{body}\n")
    assert [error["place"].split(":")[0] for error in refused["errors"]] == ["line 1", "line 2"]


def test_an_outcome_that_goes_1_0_1_is_1_however_it_is_handed_in(world: World) -> None:
    path = "/programs/shelves/traces"
    for name in ("single", "bulk"):
        call = submitted(0, trace_id=name, started_at="2026-10-17T12:00:00Z", outcomes={})
        assert world.call("POST", path, json=call).status_code == 202
    said = [{"outcomes": {"outcome_score": value}} for value in (1, 0, 1)]
    for one in said:
        assert world.call("POST", path, json={"trace_id": "single", **one}).status_code == 202
    bulk = "\n".join(json.dumps({"trace_id": "bulk", **one}) for one in said)
    for _ in range(2):
        assert world.call("POST", f"{path}/bulk", content=bulk).json()["accepted"] == 3
    wait_until(lambda: not len(Spool(world.settings.spool_dir)), "the spool writer", seconds=60)
    start = datetime(2026, 10, 17, tzinfo=UTC)
    rows = TraceLoader(world.settings).load_traces("Shelves", start, start + timedelta(days=1))
    assert [row["score"] for row in rows] == [1, 1]


def test_what_is_set_aside_is_shown_to_who_may_see_the_programs_runs(world: World) -> None:
    path = "/programs/shelves/traces"
    late = {"trace_id": "of nobody", "outcomes": {"outcome_score": 1}}
    assert world.call("POST", path, json=late).status_code == 202
    wait_until(lambda: not len(Spool(world.settings.spool_dir)), "the spool writer", seconds=60)
    found = world.get(f"{path}/set-aside", role="viewer")
    (row,) = (row for row in found["rows"] if row["trace_id"] == "of nobody")
    assert row["problem"] == "its call is not known"
    assert found["total"] == len(found["rows"]) == world.get("/metrics")["spool_set_aside"]
    problem(world, "GET", "/programs/nobody/traces/set-aside", 404)


def test_a_full_spool_says_when_to_come_back(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("teleprompt.traces.submission.spool.Spool._count", lambda *_: 2**40)
    answer = world.call("POST", "/programs/shelves/traces", json=submitted(1))
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "30")


def test_trials_are_listed_with_their_evidence(world: World) -> None:
    (trial,) = world.get("/programs/shelves/trials", role="viewer")["trials"]
    assert (trial["state"], trial["windows"]) == ("promote", 1)
    assert trial["path"][-1]["log_e"] == trial["log_e"] >= trial["boundary"]
    assert world.get("/programs/shelves/runs")["skipped_windows"] == []


def test_a_router_asks_which_version_answers_a_key(world: World) -> None:
    answer = world.call("GET", "/programs/shelves/assignment", role="viewer", params={"key": "customer 17"})
    assert answer.json() == {
        "version": world.run.model_version,
        "version_id": answer.json()["version_id"],
        "alias": "champion",
        "challenger_share": 0.0,
    }
    known = {"If-None-Match": answer.headers["etag"]}
    again = world.call("GET", "/programs/shelves/assignment", params={"key": "customer 18"}, headers=known)
    assert (again.status_code, again.content) == (304, b"")
    problem(world, "GET", "/programs/shelves/assignment", 422)


def test_a_backfill_is_previewed(world: World) -> None:
    span = {"from": (WEEK.start - timedelta(days=7)).isoformat(), "to": WEEK.start.isoformat()}
    found = world.get("/programs/shelves/backfill", role="viewer", **span)
    assert [window["role"] for window in found["windows"]] == ["too_few", "done"]
    assert found["trial_number"] == 2
    problem(world, "GET", f"/programs/shelves/backfill?{urlencode({**span, 'to': '2025-01-01'})}", 422)
