"""Every route under every kind of caller."""

from pathlib import Path
from typing import Any, NoReturn

import pytest
from airflow.api_fastapi.app import get_auth_manager

from teleprompt.attest.stored import AttestationStore, StoredAttestation, _open_once
from teleprompt.errors import TelepromptError
from tests.airflow.api.conftest import World
from tests.support import ALICE, write_program

READ, CHANGE = "read", "change"
SHELVES = "teleprompt_shelves"


def routes(world: World) -> list[tuple[str, str, str]]:
    """Method, path and kind of every route that the API describes."""
    examples = {
        "{program}": "shelves",
        "{run_id}": world.run.run_id,
        "{dag_run_id}": "nothing",
        "{number}": "1",
        "{attestation_id}": str(world.run.attestation_id),
        "{trace_id}": "nothing",
        "{contributor}": "alice",
    }
    found = []
    for path, operations in world.get("/openapi.json")["paths"].items():
        for name, value in examples.items():
            path = path.replace(name, value)
        for method in operations:
            harmless = method == "get" or path == "/attestations/verification"
            found.append((method.upper(), path, READ if harmless else CHANGE))
    return found


def status(world: World, method: str, path: str, role: str | None) -> int:
    body: Any = (
        {"json": {"why": "x", "window": {"start": "2026-01-01", "end": "2025-01-01"}}} if method != "GET" else {}
    )
    return int(world.call(method, path, role=role, **body).status_code)


def test_who_may_do_what(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    callers = (None, "no.such.token", "viewer", "user", "op", "admin")
    rows = []
    for method, path, kind in routes(world):
        found = {caller: status(world, method, path, caller) for caller in callers}
        rows.append((method, path, *found.values()))
        assert found[None] == 401, path
        assert found["no.such.token"] == 403, path
        assert (found["viewer"] == 403) is (kind is CHANGE), (path, found)
        for caller in ("user", "op", "admin"):
            assert found[caller] not in {401, 403, 500}, (path, found)
    assert len(rows) >= 20
    with capsys.disabled():
        print(f"\n{'':<64}" + "".join(f"{caller or 'no token':>15}" for caller in callers))
        for method, path, *found_of in rows:
            print(f"{method:<5}{path[:58]:<59}" + "".join(f"{code:>15}" for code in found_of))


def test_who_may_not_see_a_program_does_not_learn_that_it_is_there(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Airflow's own manager knows no permission for one DAG; others' do, and answer like this."""
    manager = get_auth_manager()
    monkeypatch.setattr(
        manager, "is_authorized_dag", lambda *, details=None, **_: getattr(details, "id", SHELVES) != SHELVES
    )
    monkeypatch.setattr(manager, "filter_authorized_dag_ids", lambda *, dag_ids, **_: dag_ids - {SHELVES})
    assert [program["program"] for program in world.get("/programs")["programs"]] == ["broken"]
    assert world.get("/attestations")["attestations"] == []
    assert world.get("/contributors")["contributors"] == []
    assert world.get("/overview")["programs"] == []
    for path in ("/programs/shelves", "/programs/shelves/runs", "/programs/shelves/versions"):
        assert world.call("GET", path).status_code == 403
    for path in (f"/attestations/{world.run.attestation_id}", "/contributors/alice"):
        assert world.call("GET", path).status_code == 404


def test_attestations_of_a_program_whose_file_is_gone_are_seen_by_who_reads_all_dags(
    world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TELEPROMPT_PROGRAMS_DIR", str(tmp_path))
    path = f"/attestations/{world.run.attestation_id}"
    assert [found["program"] for found in world.get("/attestations", role="viewer")["attestations"]] == ["Shelves"]
    assert world.call("GET", path).status_code == 200
    manager = get_auth_manager()
    monkeypatch.setattr(manager, "is_authorized_dag", lambda *, details=None, **_: details is not None)
    assert world.get("/attestations")["attestations"] == []
    assert world.call("GET", path).status_code == 404


def _damaged(_store: AttestationStore, stored: StoredAttestation) -> NoReturn:
    raise TelepromptError(f"{stored.attestation_id} is damaged")


def test_a_program_is_not_taken_for_one_whose_file_has_its_name(
    world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    write_program(tmp_path, "hidden", yaml="name: Shelves\n")
    write_program(tmp_path, "Shelves", yaml="name: Another\n")
    monkeypatch.setenv("TELEPROMPT_PROGRAMS_DIR", str(tmp_path))
    manager = get_auth_manager()
    monkeypatch.setattr(manager, "filter_authorized_dag_ids", lambda *, dag_ids, **_: dag_ids - {"teleprompt_hidden"})
    _open_once.cache_clear()
    monkeypatch.setattr(AttestationStore, "open", _damaged)  # nobody is told of another program's document
    assert (
        world.get("/attestations")["attestations"]
        == world.get("/attestations", contributor=ALICE)["attestations"]
        == []
    )


def test_the_description_is_behind_the_login_too(world: World) -> None:
    assert world.call("GET", "/openapi.json", role=None).status_code == 401
    for path in ("/docs", "/redoc"):
        assert world.call("GET", path).status_code == 404
