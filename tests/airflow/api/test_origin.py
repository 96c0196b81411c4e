"""A page of somebody else's cannot make a browser act with the login's cookie."""

from typing import Any

import pytest
from starlette.datastructures import Headers

from teleprompt_airflow.api._origin import comes_from_elsewhere
from tests.airflow.api.conftest import API, World

HOST = "airflow.test:8080"
OWN = f"http://{HOST}"
TOKEN = {"Authorization": "Bearer x"}
COOKIE = {"Cookie": "_token=x"}

ITS_OWN: list[dict[str, str]] = [
    {"Origin": OWN, **COOKIE},
    {"Origin": "HTTP://Airflow.Test:8080", **COOKIE},
    {"Referer": f"{OWN}/teleprompt/ui/programs/shelves?started=x", **COOKIE},
    {"Sec-Fetch-Site": "same-origin", **COOKIE},
    {"Sec-Fetch-Site": "same-origin", "Origin": "https://name.of.the.proxy", **COOKIE},
    {"Origin": "http://public.test", "X-Forwarded-Host": "public.test", **COOKIE},
    {"Origin": "https://public.test", "X-Forwarded-Host": "public.test, inner", "X-Forwarded-Proto": "https", **COOKIE},
    {"Origin": "https://airflow.test:8080", "X-Forwarded-Proto": "https,http", **COOKIE},
    {"Origin": "http://public.test:81", "X-Forwarded-Host": "public.test", "X-Forwarded-Port": "81", **COOKIE},
    TOKEN,
    {"Authorization": "bearer x", **COOKIE},
    {"Origin": OWN, **TOKEN},
]
FROM_ELSEWHERE: list[dict[str, str]] = [
    {"Origin": "http://airflow.test:9090", **COOKIE},
    {"Origin": "http://airflow.test", **COOKIE},
    {"Origin": "https://airflow.test:8080", **COOKIE},
    {"Origin": "http://airflow.test.evil.test:8080", **COOKIE},
    {"Origin": "http://evil.test", "Referer": OWN, **COOKIE},
    {"Origin": "null", **COOKIE},
    {"Origin": "null", "Referer": OWN, **COOKIE},
    {"Origin": "", **COOKIE},
    {"Origin": "http://[", **COOKIE},
    {"Origin": "http://airflow.test:99999", **COOKIE},
    {"Origin": "file://", **COOKIE},
    {"Referer": "http://airflow.test:9090/", **COOKIE},
    {"Referer": f"http://evil.test/{OWN}", **COOKIE},
    {"Referer": f"{OWN}@evil.test/", **COOKIE},
    {"Sec-Fetch-Site": "same-site", "Origin": OWN, **COOKIE},
    {"Sec-Fetch-Site": "cross-site", **COOKIE},
    {"Sec-Fetch-Site": "none", **COOKIE},
    {"Origin": "http://evil.test", **TOKEN},
    {"Sec-Fetch-Site": "cross-site", **TOKEN},
    {"Authorization": "Basic x", **COOKIE},
    COOKIE,
]


def from_elsewhere(headers: dict[str, str], *trusted: str) -> bool:
    return comes_from_elsewhere(Headers({"Host": HOST, **headers}), scheme="http", trusted=trusted)


@pytest.mark.parametrize("headers", ITS_OWN, ids=str)
def test_its_own_pages_and_clients_with_a_token_may(headers: dict[str, str]) -> None:
    assert not from_elsewhere(headers)


@pytest.mark.parametrize("headers", FROM_ELSEWHERE, ids=str)
def test_a_page_of_another_origin_may_not(headers: dict[str, str]) -> None:
    assert from_elsewhere(headers)


def test_of_two_origins_both_have_to_be_its_own() -> None:
    both = [(b"host", HOST.encode()), (b"origin", OWN.encode()), (b"origin", b"http://evil.test")]
    assert comes_from_elsewhere(Headers(raw=both), scheme="http")


def test_another_origin_may_where_airflow_is_told_so() -> None:
    page = {"Origin": "https://public.test", "Sec-Fetch-Site": "cross-site", **COOKIE}
    assert not from_elsewhere(page, "https://public.test/airflow/")
    assert from_elsewhere(page, "http://public.test", "")
    assert from_elsewhere({**page, "Origin": "null"}, "")


CHANGES = [
    ("POST", "/teleprompt/ui/programs/shelves/start"),
    ("POST", "/teleprompt/ui/programs/shelves/runs/nothing/verify"),
    ("POST", f"{API}/programs/shelves/dag-runs"),
    ("POST", f"{API}/programs/shelves/dag-runs/nothing/cancellation"),
    ("PUT", f"{API}/programs/shelves/champion"),
    ("POST", f"{API}/programs/shelves/traces"),
    ("POST", f"{API}/programs/shelves/traces/bulk"),
    ("POST", f"{API}/programs/shelves/validation"),
    ("POST", f"{API}/attestations/verification"),
]


def status(world: World, method: str, url: str, **headers: str) -> int:
    """The answer to a form as a browser sends it with the login's cookie."""
    sent: dict[str, Any] = {"Cookie": f"_token={world.tokens['admin']}", "Content-Type": "text/plain", **headers}
    return int(world.http.request(method, url, headers=sent, content=b"", follow_redirects=False).status_code)


@pytest.mark.parametrize(("method", "url"), CHANGES)
def test_every_route_that_changes_something_asks(world: World, method: str, url: str) -> None:
    assert status(world, method, url) == 403
    assert status(world, method, url, Origin="http://testserver:9090") == 403
    assert status(world, method, url, Origin="null") == 403
    assert status(world, method, url, Origin="http://testserver") not in {401, 403}
    assert status(world, method, url, Referer="http://testserver/teleprompt/ui/") not in {401, 403}


def test_no_route_that_changes_something_is_left_out(world: World) -> None:
    paths = world.get("/openapi.json")["paths"]
    described = {(method.upper(), path) for path, methods in paths.items() for method in methods if method != "get"}
    assert len(described) == sum(url.startswith(API) for _, url in CHANGES)


def test_base_url_is_an_origin_of_ours(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    _, url = CHANGES[0]
    assert status(world, "POST", url, Origin="https://public.test") == 403
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://public.test/airflow")
    assert status(world, "POST", url, Origin="https://public.test") == 303


def test_reading_asks_nothing_of_the_kind(world: World) -> None:
    assert status(world, "GET", f"{API}/programs", Origin="http://evil.test") == 200
