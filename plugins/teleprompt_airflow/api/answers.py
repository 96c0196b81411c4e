"""Answers that are given again for a moment, so that MLflow is asked once by however many readers.

Who asks the same with the same login within `TELEPROMPT_API_CACHE_SECONDS` gets the same answer; who asks while it is
being made waits for it. What this process changes shows at once, what another one changes after that time.
"""

import asyncio
import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from teleprompt.config.settings import Settings

OF_A_LOGIN = (
    "authorization",
    "cookie",
    "accept",
    "host",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-forwarded-prefix",
)
"""Headers that an answer may depend on."""
MOST_BYTES = 1 << 20
"""Of an answer that is kept."""
MOST_ANSWERS = 500
HANDED_IN = ("/traces", "/traces/bulk")
"""Paths whose requests change no answer: what is handed in is written to MLflow later."""


@cache
def cache_seconds() -> float:
    """How long an answer is given again, by the settings of this process."""
    return Settings().api_cache_seconds


@dataclass(frozen=True)
class Answer:
    """One answer, whole."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes
    until: float
    """By the monotonic clock."""
    generation: int
    """How many changes this process had made when it was begun."""


class AnswerCache:
    """Middleware that gives successful answers to GET again for a moment.

    :param seconds: how long, asked for with the first request.
    :param tagged: whether answers get an `ETag`, and who has that one gets 304.
    :param uncached: paths below the application that are always made anew.
    """

    def __init__(
        self, app: ASGIApp, *, seconds: Callable[[], float], tagged: bool = False, uncached: Sequence[str] = ()
    ) -> None:
        self.app = app
        self.seconds = seconds
        self.tagged = tagged
        self.uncached = tuple(uncached)
        self._kept: OrderedDict[tuple[str, ...], Answer] = OrderedDict()
        self._making: dict[tuple[str, ...], asyncio.Future[Answer | None]] = {}
        self._generation = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer from what is kept, or have the answer made."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
        elif scope["method"] != "GET":
            try:
                await self.app(scope, receive, send)
            finally:
                if not scope["path"].endswith(HANDED_IN):
                    self._generation += 1
        elif _below(scope).startswith(self.uncached) or not self.seconds():
            await self.app(scope, receive, send)
        else:
            await self._answer(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        key = _key(scope, headers)
        found = self._fresh(key)
        if found is None and key in self._making:
            found = await asyncio.shield(self._making[key])
        if found is None:
            await self._make(key, scope, receive, send)
        else:
            await _send(found, headers.get("if-none-match"), send)

    def _fresh(self, key: tuple[str, ...]) -> Answer | None:
        found = self._kept.get(key)
        return found if found and found.generation == self._generation and found.until > time.monotonic() else None

    async def _make(self, key: tuple[str, ...], scope: Scope, receive: Receive, send: Send) -> None:
        """Have it made, for all who wait for it; those make their own where it cannot be kept."""
        making: asyncio.Future[Answer | None] = asyncio.get_running_loop().create_future()
        self._making[key] = making
        generation = self._generation
        made: Answer | None = None
        # Who asked is answered with all headers of the original; it may have asked for 304, which nobody else did.
        unconditional = {**scope, "headers": [pair for pair in scope["headers"] if pair[0] != b"if-none-match"]}
        collected = _Collector(send)
        try:
            await self.app(unconditional, receive, collected.take)
            made = collected.answer(until=time.monotonic() + self.seconds(), generation=generation, tagged=self.tagged)
            if made is not None and generation == self._generation:
                self._keep(key, made)
        finally:
            if self._making.get(key) is making:
                del self._making[key]
            making.set_result(made if made is not None and generation == self._generation else None)
        if made is not None:
            await _send(made, Headers(scope=scope).get("if-none-match"), send)
        else:
            await collected.release()

    def _keep(self, key: tuple[str, ...], answer: Answer) -> None:
        self._kept[key] = answer
        self._kept.move_to_end(key)
        while len(self._kept) > MOST_ANSWERS:
            self._kept.popitem(last=False)


class _Collector:
    """Holds an answer back until it is known whether it can be kept; from then on it passes it on."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._messages: list[Message] = []
        self._size = 0
        self._passes = False

    async def take(self, message: Message) -> None:
        if self._passes:
            await self._send(message)
            return
        self._messages.append(message)
        self._size += len(message.get("body", b""))
        if message.get("status", 200) != 200 or self._size > MOST_BYTES:
            self._passes = True
            await self.release()

    async def release(self) -> None:
        """Send what was held back."""
        messages, self._messages = self._messages, []
        for message in messages:
            await self._send(message)

    def answer(self, *, until: float, generation: int, tagged: bool) -> Answer | None:
        """The whole answer; None if it was passed on."""
        if self._passes or not self._messages:
            return None
        start, *parts = self._messages
        body = b"".join(part.get("body", b"") for part in parts)
        headers = MutableHeaders(raw=list(start["headers"]))
        if tagged:
            headers.setdefault("etag", f'"{hashlib.sha256(body).hexdigest()[:32]}"')
            headers.setdefault("cache-control", "private, no-cache")
        return Answer(start["status"], tuple(headers.raw), body, until, generation)


def _below(scope: Scope) -> str:
    """The path below where the application is mounted."""
    path: str = scope["path"]
    return path.removeprefix(scope.get("root_path", ""))


def _key(scope: Scope, headers: Headers) -> tuple[str, ...]:
    loop = str(id(asyncio.get_running_loop()))
    asked = (scope.get("root_path", ""), scope["path"], scope["query_string"].decode("latin-1"))
    return (loop, *asked, *("\n".join(headers.getlist(name)) for name in OF_A_LOGIN))


async def _send(answer: Answer, known: str | None, send: Send) -> None:
    tag = dict(answer.headers).get(b"etag")
    if known is not None and tag is not None and tag.decode("latin-1") in {one.strip() for one in known.split(",")}:
        kept = [pair for pair in answer.headers if pair[0] not in {b"content-length", b"content-type"}]
        await send({"type": "http.response.start", "status": 304, "headers": kept})
        await send({"type": "http.response.body", "body": b""})
        return
    await send({"type": "http.response.start", "status": answer.status, "headers": list(answer.headers)})
    await send({"type": "http.response.body", "body": answer.body})
