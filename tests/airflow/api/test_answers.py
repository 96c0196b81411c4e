"""Answers that are given again for a moment: asked for once, never to another login, never after a change."""

import asyncio
import time
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route

from teleprompt_airflow.api.answers import MOST_ANSWERS, MOST_BYTES, AnswerCache


class Counting:
    """An application that counts how often each path is asked for, with a cache before it."""

    def __init__(self, *, seconds: float = 60, tagged: bool = True) -> None:
        self.made: list[str] = []
        self.wait = asyncio.Event()
        self.wait.set()

        async def answer(request: Request) -> Response:
            self.made.append(request.url.path)
            await self.wait.wait()
            who = request.headers.get("authorization", "nobody")
            if request.url.path.endswith("/missing"):
                return PlainTextResponse("none", 404)
            if request.url.path.endswith("/large"):
                return PlainTextResponse("x" * (MOST_BYTES + 1))
            return PlainTextResponse(f"{len(self.made)} for {who}", headers={"x-made": str(len(self.made))})

        inner = Starlette(routes=[Route("/{path:path}", answer, methods=["GET", "POST", "PUT"])])
        inner.add_middleware(AnswerCache, seconds=lambda: seconds, tagged=tagged, uncached=("/health",))
        transport = httpx.ASGITransport(Starlette(routes=[Mount("/here", inner)]), raise_app_exceptions=False)
        self.http = httpx.AsyncClient(transport=transport, base_url="http://test/here")

    async def get(self, path: str, **headers: str) -> httpx.Response:
        return await self.http.get(path, headers=headers)


def run(scenario: Any) -> None:
    asyncio.run(scenario)


def test_the_same_question_of_the_same_login_is_answered_once() -> None:
    async def scenario() -> None:
        app = Counting()
        first, again = await app.get("/a?b=1", authorization="x"), await app.get("/a?b=1", authorization="x")
        assert (first.text, again.text, app.made) == ("1 for x", "1 for x", ["/here/a"])
        assert again.headers["x-made"] == "1"

    run(scenario())


@pytest.mark.parametrize(
    ("path", "headers"),
    [("/a?b=2", {"authorization": "x"}), ("/a?b=1", {"authorization": "y"}), ("/a?b=1", {"cookie": "c=1"}), ("/c", {})],
)
def test_another_question_or_login_gets_an_answer_of_its_own(path: str, headers: dict[str, str]) -> None:
    async def scenario() -> None:
        app = Counting()
        await app.get("/a?b=1", authorization="x")
        other = await app.get(path, **headers)
        assert len(app.made) == 2
        assert other.text == f"2 for {headers.get('authorization', 'nobody')}"

    run(scenario())


def test_cookies_in_several_headers_all_count() -> None:
    async def scenario() -> None:
        app = Counting()
        for cookies in (["theme=dark", "_token=alice"], ["theme=dark", "_token=mallory"], ["theme=dark"]):
            await app.http.get("/a", headers=[("cookie", one) for one in cookies])
        assert len(app.made) == 3

    run(scenario())


def test_who_asks_while_it_is_being_made_waits_for_it() -> None:
    async def scenario() -> None:
        app = Counting()
        app.wait.clear()
        asked = [asyncio.create_task(app.get("/a")) for _ in range(50)]
        await asyncio.sleep(0.05)
        app.wait.set()
        assert {(await one).text for one in asked} == {"1 for nobody"}
        assert len(app.made) == 1

    run(scenario())


def test_a_change_shows_at_once_and_what_was_being_made_before_it_is_not_kept() -> None:
    async def scenario() -> None:
        app = Counting()
        assert (await app.get("/a")).text == "1 for nobody"
        await app.http.put("/champion")
        assert (await app.get("/a")).text == "3 for nobody"
        app.wait.clear()
        begun = asyncio.create_task(app.get("/b"))
        await asyncio.sleep(0.02)
        change = asyncio.create_task(app.http.put("/champion"))
        await asyncio.sleep(0.02)
        app.wait.set()
        await asyncio.gather(begun, change)
        before = len(app.made)
        await app.get("/b")
        assert len(app.made) == before + 1

    run(scenario())


def test_traces_that_are_handed_in_change_no_answer() -> None:
    async def scenario() -> None:
        app = Counting()
        await app.get("/a")
        await app.http.post("/programs/p/traces/bulk")
        assert (await app.get("/a")).text == "1 for nobody"

    run(scenario())


def test_after_a_moment_it_is_made_anew() -> None:
    async def scenario() -> None:
        app = Counting(seconds=0.05)
        await app.get("/a")
        time.sleep(0.06)
        assert (await app.get("/a")).text == "2 for nobody"

    run(scenario())


@pytest.mark.parametrize("path", ["/missing", "/large", "/health/ready"])
def test_errors_large_answers_and_health_are_made_each_time(path: str) -> None:
    async def scenario() -> None:
        app = Counting()
        answers = [await app.get(path) for _ in range(2)]
        assert len(app.made) == 2
        assert answers[0].status_code == answers[1].status_code
        assert len(answers[0].content) >= 4

    run(scenario())


def test_who_has_the_answer_already_gets_304() -> None:
    async def scenario() -> None:
        app = Counting()
        first = await app.get("/a")
        tag = first.headers["etag"]
        assert first.headers["cache-control"] == "private, no-cache"
        again = await app.get("/a", **{"if-none-match": f'"other", {tag}'})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
        assert (await app.get("/a", **{"if-none-match": '"other"'})).text == first.text
        assert len(app.made) == 1

    run(scenario())


def test_nothing_is_kept_where_the_settings_say_so() -> None:
    async def scenario() -> None:
        app = Counting(seconds=0)
        await app.get("/a")
        assert (await app.get("/a")).text == "2 for nobody"

    run(scenario())


def test_no_more_answers_are_kept_than_fit() -> None:
    async def scenario() -> None:
        app = Counting()
        for i in range(MOST_ANSWERS + 1):
            await app.get(f"/{i}")
        await app.get("/0")
        assert len(app.made) == MOST_ANSWERS + 2

    run(scenario())
