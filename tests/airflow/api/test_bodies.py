"""A body is bounded before anything reads it, and not read at all for whoever has not logged in."""

import asyncio
import gzip
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.airflow.api.conftest import API, World
from tests.airflow.api.test_origin import CHANGES

CHUNK = 2**16
BULK = 10 * 2**20
ENDLESS = 64 * 2**20
LARGER = {f"{API}/programs/shelves/traces": BULK, f"{API}/programs/shelves/traces/bulk": BULK}
LARGER[f"{API}/attestations/verification"] = 4 * 2**20


def read_of_endless_body(
    world: World, method: str, url: str, *, token: str | None = "admin", **headers: str
) -> tuple[int, int]:
    """The status, and how many bytes of a body without an end the server asked for."""
    taken = 0
    statuses: list[int] = []

    async def receive() -> dict[str, Any]:
        nonlocal taken
        taken += CHUNK
        assert taken < ENDLESS, "it reads without a bound"
        return {"type": "http.request", "body": b"[" * CHUNK, "more_body": True}

    async def send(event: Any) -> None:
        statuses.extend([event["status"]] if event["type"] == "http.response.start" else [])

    sent = {"host": "testserver", "transfer-encoding": "chunked", "content-type": "application/json", **headers}
    if token is not None:
        sent["authorization"] = f"Bearer {world.tokens.get(token, token)}"
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
        "path": url, "raw_path": url.encode(), "query_string": b"", "root_path": "", "server": ("testserver", 80),
        "client": ("testclient", 1), "headers": [(k.encode(), v.encode()) for k, v in sent.items()], "state": {},
    }  # fmt: skip
    asyncio.run(world.http.app(scope, receive, send))  # type: ignore[arg-type]
    return statuses[0], taken


@pytest.mark.parametrize(("method", "url"), CHANGES)
def test_nothing_is_read_without_a_login(world: World, method: str, url: str) -> None:
    assert read_of_endless_body(world, method, url, token=None) == (401, 0)
    assert read_of_endless_body(world, method, url, token="no.such.token") == (403, 0)


@pytest.mark.parametrize(("method", "url"), CHANGES)
def test_a_body_without_a_length_is_cut_off(world: World, method: str, url: str) -> None:
    limit = LARGER.get(url, 2**20)
    status, taken = read_of_endless_body(world, method, url)
    assert (status, taken) == (413, limit + CHUNK)


@pytest.mark.parametrize(("method", "url"), CHANGES)
def test_a_body_that_says_it_is_too_large_is_not_read(world: World, method: str, url: str) -> None:
    for length in (LARGER.get(url, 2**20) + 1, 10**30):
        assert read_of_endless_body(world, method, url, **{"content-length": str(length)}) == (413, 0)


@pytest.mark.parametrize(("method", "url"), CHANGES)
def test_a_compressed_body_is_refused_unread(world: World, method: str, url: str) -> None:
    assert read_of_endless_body(world, method, url, **{"content-encoding": "gzip"}) == (415, 0)
    headers = {"Authorization": f"Bearer {world.tokens['admin']}", "Content-Encoding": "gzip"}
    bomb = gzip.compress(b" " * 10**6)
    assert world.http.request(method, url, headers=headers, content=bomb).status_code == 415


def test_deep_nesting_is_refused_though_a_library_raised_the_recursion_limit(world: World) -> None:
    """It would end the process: py_ecc, which web3 imports, raises the limit beyond what the stack holds."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(100_000)
    try:
        _send_deep_nesting(world)
    finally:
        sys.setrecursionlimit(before)


def _send_deep_nesting(world: World) -> None:
    for body in (b"[" * 10**6, b'{"a":' * 10**5 + b"1" + b"}" * 10**5, b"[" * 10**5 + b"]" * 10**5):
        for kind in ("application/json", "APPLICATION/JSON; charset=utf-8", "application/vnd.x+json"):
            for path in ("traces", "dag-runs"):
                answer = world.call("POST", f"/programs/shelves/{path}", content=body, headers={"Content-Type": kind})
                assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")


def test_many_parts_are_no_body_of_any_route(world: World) -> None:
    def parts() -> Iterator[bytes]:
        for i in range(5000):
            yield f'--x\r\ncontent-disposition: form-data; name="{i}"\r\n\r\n1\r\n'.encode()
        yield b"--x--\r\n"

    kind = {"Content-Type": "multipart/form-data; boundary=x"}
    answer = world.call("POST", "/programs/shelves/dag-runs", content=parts(), headers=kind)
    assert answer.status_code == 422


def test_a_document_is_verified_as_the_json_that_it_is(world: World) -> None:
    document = world.call("GET", f"/attestations/{world.run.attestation_id}").content
    kind = {"Content-Type": "application/json"}
    answer = world.call("POST", "/attestations/verification", content=document, headers=kind)
    assert (answer.status_code, answer.json()["code"]) == (200, "OK")
