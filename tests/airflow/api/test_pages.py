"""The pages as plain HTML; test_browser.py looks at them in a browser."""

import re
from datetime import timedelta
from urllib.parse import urljoin

import pytest

from tests.airflow.api.conftest import World
from tests.support import WEEK

UI = "/teleprompt/ui"


def page(
    world: World, path: str, *, role: str = "admin", method: str = "GET", status: int = 200, **headers: str
) -> str:
    sent = {"Authorization": f"Bearer {world.tokens[role]}", **headers}
    answer = world.http.request(method, f"{UI}{path}", headers=sent, follow_redirects=False)
    assert answer.status_code == status, answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    return str(answer.text)


def test_all_programs_at_a_glance(world: World) -> None:
    html = page(world, "/", role="viewer")
    assert f'href="programs/shelves/runs/{world.run.run_id}"' in html
    assert "nope" in html  # what is wrong with the broken one


def test_the_first_page_says_in_red_that_nobody_is_told(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    html = page(world, "/", role="viewer")
    (said,) = re.findall(r'<p class="notice bad" id="untold"><strong class="bad">(.*?)</strong>(.*?)</p>', html)
    assert said[0].startswith("Nobody is told of failure, ")
    assert said[0].endswith(" of shelves.")
    assert "TELEPROMPT_DEFAULT_ALERTS__TO" in said[1]
    monkeypatch.setenv("TELEPROMPT_DEFAULT_ALERTS__TO", "ops@example.org")  # which no mail server takes
    assert 'id="untold"' in page(world, "/", role="viewer")
    monkeypatch.delenv("TELEPROMPT_DEFAULT_ALERTS__TO")
    monkeypatch.setenv("AIRFLOW_CONN_SMTP_DEFAULT", "smtp://user:hunter2MARK@mail?from_email=a%40example.org")
    html = page(world, "/", role="viewer")
    assert 'id="untold"' not in html
    assert "What no rule names goes to a@example.org by mail" in html
    assert "hunter2MARK" not in html


def test_a_programs_history_and_its_button(world: World) -> None:
    assert 'id="start"' not in page(world, "/programs/shelves", role="viewer")
    html = page(world, "/programs/shelves", role="user")
    assert 'id="start"' in html
    assert "<svg" in html
    assert f"{world.run.delta_e6 / 1e4:+.2f}" in html
    page(world, "/programs/shelves/start", role="viewer", method="POST", status=403)
    page(world, "/programs/shelves/start", role="user", method="POST", status=303)
    waiting = page(world, "/programs/shelves", role="viewer")
    (row,) = re.findall(r'<table id="open">.*?</table>', waiting, re.DOTALL)
    assert "queued" in row
    links = re.findall(r'target="_top" href="(.*?)"', row)  # other tests of this server start runs, too
    assert urljoin(f"{UI}/programs/shelves", links[0]).startswith("/dags/teleprompt_shelves/runs/manual__")


def test_a_backfill_is_previewed_before_airflows_dialog(world: World) -> None:
    assert 'id="backfill"' in page(world, "/programs/shelves", role="viewer")
    first, last = (WEEK.start - timedelta(days=7)).date(), WEEK.start.date()
    html = page(world, f"/programs/shelves/backfill?from={first}&to={last}", role="viewer")
    assert "is skipped: fewer calls than min_traces" in html
    assert "is done; Airflow starts it again only if it is to reprocess" in html
    assert "Trial number 2 of its year" in html
    page(world, "/programs/shelves/backfill?from=2030-01-01&to=2030-02-01", role="viewer", status=422)


def test_a_run_from_the_traces_to_the_attestation(world: World) -> None:
    html = page(world, f"/programs/shelves/runs/{world.run.run_id}", role="viewer")
    for name in ("funnel", "candidates", "gate", "examples", "contributors"):
        assert f'id="{name}"' in html, name
    assert world.run.attestation_id in html
    verified = page(world, f"/programs/shelves/runs/{world.run.run_id}/verify", role="viewer", method="POST")
    assert "valid: OK" in verified
    assert "DOES NOT HOLD" not in verified


def test_the_page_that_verifies_anywhere_brings_its_own_policy(world: World) -> None:
    answer = world.http.get(f"{UI}/static/verify.html")  # nothing in it is secret
    assert answer.status_code == 200
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "'self'" not in policy.replace("frame-ancestors 'self'", "")
    assert "'unsafe-inline'" not in policy


def test_another_site_cannot_press_a_button(world: World) -> None:
    headers = {"Sec-Fetch-Site": "cross-site"}
    answer = world.http.post(
        f"{UI}/programs/shelves/start", headers={"Authorization": f"Bearer {world.tokens['admin']}", **headers}
    )
    assert answer.status_code == 403


def test_errors_are_pages_and_nothing_is_shown_without_login(world: World) -> None:
    assert "no program" in page(world, "/programs/other", status=404)
    assert "no run" in page(world, "/programs/shelves/runs/nothing", status=404)
    assert world.http.get(f"{UI}/", headers={}).status_code == 401


def test_nothing_is_asked_of_another_host(world: World) -> None:
    for path in ("/", "/programs/shelves", f"/programs/shelves/runs/{world.run.run_id}"):
        html = page(world, path)
        assert re.findall(r'(?:src|href|action)="(?:https?:)?//[^"]*"', html) == []


def test_what_a_period_brought_is_a_page_and_an_answer(world: World) -> None:
    html = page(world, "/report", role="viewer")
    assert "1 of 1 program improved (shelves by +" in html
    assert "broken" in html
    assert "Nothing happened." in page(world, "/report?since=2020-01-01T00:00:00Z&until=2020-02-01T00:00:00Z")
    answer = world.get("/report", role="viewer")
    assert "1 of 1 program improved" in answer["headline"]
    assert answer["report"]["programs"][0]["improvements"][0]["run_id"] == world.run.run_id
    assert world.call("GET", "/report?since=2020-02-01T00:00:00Z&until=2020-01-01T00:00:00Z").status_code == 422
