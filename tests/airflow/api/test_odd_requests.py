"""What no honest client sends: whatever it is, it is refused, and never an error of the server."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.airflow.api.conftest import API, World

pytestmark = pytest.mark.slow

ODD_TEXT = {
    "NUL": "%00",
    "NUL inside": "a%00b",
    "line break": "a%0Ab",
    "escape": "%1B%5B31m",
    "lone surrogate": "%ED%A0%80",
    "not UTF-8": "%FF%FE",
    "beyond the plane": "%F0%9F%98%80",
    "quotes": "%27%22%60%20OR%201=1",
    "long": "x" * 5000,
    "digits": "9" * 400,
    "negative": "-1",
    "exponent": "1e400",
    "no number": "NaN",
    "digits of another script": "%D9%A3",
    "base64": "eyJvZmZzZXQiOiAtMX0=",
    "base64 of a number": "MQ==",
    "base64 of text": "bnVsbA==",
    "base64 of another object": "eyJvZmZzZXQiOiAieCIsICJvcmRlcl9ieSI6IFtdfQ==",
    "base64 of a huge offset": "eyJvZmZzZXQiOiA5OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTl9",
    "long base64": "QUFB" * 900,
    "the first moment": "0001-01-01T00:00:00%2B14:00",
    "the last moment": "9999-12-31T23:59:59.999999-14:00",
    "a moment without offset": "2026-01-01T00:00:00",
    "empty": "",
}
ODD_VALUES: dict[str, bytes] = {
    "lone surrogate": rb'"\ud800"',
    "surrogate pair": rb'"\ud83d\ude00"',
    "NUL": rb'"a\u0000b"',
    "controls": rb'"\u001b[31m\u202e"',
    "long": b'"' + b"x" * 50_000 + b'"',
    "huge integer": b"9" * 400,
    "integer beyond Python's limit": b"9" * 5000,
    "huge float": b"1e400",
    "NaN": b"NaN",
    "infinity": b"-Infinity",
    "null": b"null",
    "list": b"[]",
    "nested": b"[" * 300 + b"]" * 300,
    "nested deep": b"[" * 100_000 + b"]" * 100_000,
    "object with odd keys": rb'{"\ud800": {"\u0000": 1}}',
}
ODD_BODIES: dict[str, bytes] = {
    "nothing": b"",
    "no JSON": b"}",
    "not UTF-8": b'{"why": "\xff"}',
    "UTF-16": '{"why": "x"}'.encode("utf-16"),
    "byte order mark": b"\xef\xbb\xbf{}",
    "only opened": b"[" * 200_000,
    "objects only opened": b'{"a":' * 100_000,
    **ODD_VALUES,
}
SAMPLE = {
    "program": "shelves",
    "dag_run_id": "nothing",
    "number": "1",
    "trace_id": "nothing",
    "contributor": "alice",
}
BODIES: dict[str, dict[str, Any]] = {
    "/programs/{program}/traces": {
        "trace_id": "odd", "started_at": "2026-10-07T00:00:00Z", "ended_at": "2026-10-07T00:00:01Z",
        "inputs": {"item": "cup"}, "outputs": {"shelf": "left"}, "outcomes": {"outcome_score": 1.0},
        "contributor_id": "alice", "contributor_address": None, "program_version": "1.0.0", "group": "g",
        "failed": False,
    },
    "/programs/{program}/dag-runs": {
        "window": {"start": "2026-11-09T00:00:00Z", "end": "2026-11-09T00:00:00Z"}, "min_traces": 1, "max_traces": 1,
        "min_quality_score": 0.5, "deltaone_threshold": 0.01,
    },
    "/programs/{program}/champion": {"number": 2, "instead_of": 99, "why": "a test"},
}  # fmt: skip


@pytest.fixture(scope="module")
def operations(world: World) -> list[tuple[str, str, dict[str, Any]]]:
    """Method, path and description of every route."""
    patch = pytest.MonkeyPatch()
    for name, value in world.environment.items():
        patch.setenv(name, value)
    paths = world.get("/openapi.json")["paths"]
    patch.undo()
    return [(method.upper(), path, said) for path, methods in paths.items() for method, said in methods.items()]


def sample(world: World, path: str, **changes: str) -> str:
    """The path with what is there in it, but for `changes`."""
    known = {**SAMPLE, "run_id": world.run.run_id, "attestation_id": str(world.run.attestation_id), **changes}
    for name, value in known.items():
        path = path.replace(f"{{{name}}}", value)
    return path


def send(world: World, method: str, url: str, **options: Any) -> httpx.Response:
    headers = {"Authorization": f"Bearer {world.tokens['admin']}", **options.pop("headers", {})}
    return world.http.request(method, url, headers=headers, follow_redirects=False, **options)


def faults(answers: Iterator[tuple[str, httpx.Response]], *, allowed: range = range(200, 500)) -> list[str]:
    """The requests that the server could not cope with."""
    return [
        f"{what}: {answer.status_code} {answer.text[:200]}"
        for what, answer in answers
        if answer.status_code not in allowed and not answer.url.path.endswith("/health/ready")
    ]


def test_no_place_in_a_path_breaks_a_route(world: World, operations: list[tuple[str, str, dict[str, Any]]]) -> None:
    def answers() -> Iterator[tuple[str, httpx.Response]]:
        for method, path, _ in operations:
            for name in (part.strip("{}") for part in path.split("/") if part.startswith("{")):
                for what, value in ODD_TEXT.items():
                    url = API + sample(world, path, **{name: value})
                    yield f"{method} {path} {name}={what}", send(world, method, url)

    assert faults(answers()) == []


def test_no_parameter_breaks_a_route(world: World, operations: list[tuple[str, str, dict[str, Any]]]) -> None:
    def answers() -> Iterator[tuple[str, httpx.Response]]:
        for method, path, said in operations:
            given = [p["name"] for p in said.get("parameters", []) if p["in"] == "query"]
            needed = {"total": "1"} if "total" in given else {}
            for name in given:
                for what, value in ODD_TEXT.items():
                    others = "&".join(f"{key}={text}" for key, text in needed.items() if key != name)
                    url = f"{API}{sample(world, path)}?{name}={value}&{others}"
                    yield f"{method} {path}?{name}={what}", send(world, method, url)

    assert faults(answers()) == []


def test_no_header_breaks_a_route(world: World) -> None:
    odd = [b"\xff", b"\xed\xa0\x80", b"x" * 5000, b"", b'W/"x"']

    def answers() -> Iterator[tuple[str, httpx.Response]]:
        for value in odd:
            for name, method, path in (
                ("Idempotency-Key", "POST", "/programs/shelves/dag-runs"),
                ("If-None-Match", "GET", f"/attestations/{world.run.attestation_id}"),
                ("Content-Type", "POST", "/attestations/verification"),
                ("Content-Length", "GET", "/programs"),
                ("Origin", "PUT", "/programs/shelves/champion"),
                ("Authorization", "GET", "/programs"),
                ("Cookie", "GET", "/programs"),
            ):
                yield f"{name}: {value[:9]!r}", send(world, method, f"{API}{path}", headers={name: value})

    assert faults(answers()) == []


def test_no_body_breaks_a_route(world: World, operations: list[tuple[str, str, dict[str, Any]]]) -> None:
    def answers() -> Iterator[tuple[str, httpx.Response]]:
        for method, path, said in operations:
            if "requestBody" not in said:
                continue
            for what, body in ODD_BODIES.items():
                for media_type in ("application/json", "text/plain", "multipart/form-data; boundary=x"):
                    options = {"content": body, "headers": {"content-type": media_type}}
                    yield (
                        f"{method} {path} {media_type} {what}",
                        send(world, method, API + sample(world, path), **options),
                    )

    assert faults(answers()) == []


def test_no_value_in_a_body_breaks_a_route(world: World, operations: list[tuple[str, str, dict[str, Any]]]) -> None:
    methods = {path: method for method, path, said in operations if "requestBody" in said}

    def answers() -> Iterator[tuple[str, httpx.Response]]:
        for path, body in BODIES.items():
            for place in places(body):
                for what, value in ODD_VALUES.items():
                    content = replaced(body, place, value)
                    options = {"content": content, "headers": {"content-type": "application/json"}}
                    url = API + sample(world, path)
                    yield f"{path} {'.'.join(place)}={what}", send(world, methods[path], url, **options)

    assert faults(answers()) == []


def places(body: dict[str, Any], above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Where there are values."""
    for key, value in body.items():
        yield (*above, key)
        if isinstance(value, dict):
            yield from places(value, (*above, key))


def replaced(body: dict[str, Any], place: tuple[str, ...], value: bytes) -> bytes:
    """The body as JSON, with other JSON in one place."""
    copy = json.loads(json.dumps(body))
    holder = copy
    for key in place[:-1]:
        holder = holder[key]
    holder[place[-1]] = "THE PLACE"
    return json.dumps(copy).encode().replace(b'"THE PLACE"', value)


def test_no_place_in_a_page_breaks_it(world: World) -> None:
    root = "/teleprompt/ui"

    def answers() -> Iterator[tuple[str, httpx.Response]]:
        for what, value in ODD_TEXT.items():
            for method, url in (
                ("GET", f"{root}/programs/{value}"),
                ("GET", f"{root}/programs/shelves?cursor={value}"),
                ("GET", f"{root}/programs/shelves?started={value}"),
                ("GET", f"{root}/programs/shelves/runs/{value}"),
                ("GET", f"{root}/static/{value}"),
                ("POST", f"{root}/programs/{value}/start"),
                ("POST", f"{root}/programs/shelves/runs/{value}/verify"),
            ):
                yield f"{method} {url[:60]} {what}", send(world, method, url)

    assert faults(answers()) == []
