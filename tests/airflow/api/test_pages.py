"""The pages as plain HTML; test_browser.py looks at them in a browser."""

import re

from tests.airflow.api.conftest import World

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


def test_a_programs_history_and_its_button(world: World) -> None:
    assert 'id="start"' not in page(world, "/programs/shelves", role="viewer")
    html = page(world, "/programs/shelves", role="user")
    assert 'id="start"' in html
    assert "<svg" in html
    assert f"{world.run.delta_e6 / 1e4:+.2f}" in html
    page(world, "/programs/shelves/start", role="viewer", method="POST", status=403)
    page(world, "/programs/shelves/start", role="user", method="POST", status=303)


def test_a_run_from_the_traces_to_the_attestation(world: World) -> None:
    html = page(world, f"/programs/shelves/runs/{world.run.run_id}", role="viewer")
    for name in ("funnel", "candidates", "gate", "examples", "contributors"):
        assert f'id="{name}"' in html, name
    assert world.run.attestation_id in html
    verified = page(world, f"/programs/shelves/runs/{world.run.run_id}/verify", role="viewer", method="POST")
    assert "valid: OK" in verified
    assert "DOES NOT HOLD" not in verified


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
