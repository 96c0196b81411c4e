"""A local server that speaks OpenAI's chat protocol, answers with the offline engine, and misbehaves on order."""

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import ThreadingHTTPServer
from typing import Any

from teleprompt.config.settings import LMConfig
from tests.loopback import Exchange, serving

KEY = "sk-marked-0123456789"

Fault = str | None
"""`429`, `500`, `hang`, `not json`, `no choices`, `unreadable`, `400`, or None: a good answer."""


class ModelServer(ThreadingHTTPServer):
    """Counts what it is asked; `fault` says what the n-th request meets."""

    daemon_threads = True

    def __init__(self, fault: Callable[[int], Fault] = lambda _n: None, *, seconds: float = 0.0) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.fault = fault
        self.delay: Callable[[int], float] = lambda _n: seconds
        self.bodies: list[dict[str, Any]] = []
        self.keys: list[str] = []
        self.faults: Counter[str] = Counter()
        self._lock = threading.Lock()

    @property
    def requests(self) -> int:
        return len(self.bodies)

    def config(self, **changes: Any) -> LMConfig:
        return LMConfig.model_validate(
            {
                "model": "openai/my-model",
                "api_base": f"http://127.0.0.1:{self.server_port}/v1",
                "api_key": KEY,
                "timeout_seconds": 1,
                **changes,
            }
        )

    def note(self, body: dict[str, Any], key: str) -> Fault:
        with self._lock:
            fault = self.fault(len(self.bodies))
            self.bodies.append(body)
            self.keys.append(key)
            if fault is not None:
                self.faults[fault] += 1
            return fault


class _Handler(Exchange):
    server: ModelServer

    def respond(self) -> None:
        body = json.loads(self.body())
        fault = self.server.note(body, self.headers["Authorization"])
        time.sleep(self.server.delay(self.server.requests))
        match fault:
            case "429":
                self._send(429, {"error": {"message": "slow down", "type": "rate_limit"}}, retry_after="0.05")
            case "500":
                self._send(500, {"error": {"message": "oops"}})
            case "400":
                self._send(400, {"error": {"message": "not this one", "type": "invalid_request_error"}})
            case "hang":
                time.sleep(3)
                self.close_connection = True
            case "not json":
                self._send(200, b"<html>maintenance</html>")
            case "no choices":
                self._send(200, {"id": "1", "object": "chat.completion", "created": 0, "model": body["model"]})
            case "unreadable":
                self._send(200, _completion(body, "I would rather not."))
            case _:
                self._send(200, _completion(body, _answer(body)))

    def _send(self, status: int, content: Any, **headers: str) -> None:
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        with suppress(ConnectionError):  # the client gave up, or was killed
            self.answer(status, data, content_type="application/json", **headers)


def _completion(body: dict[str, Any], text: str) -> dict[str, Any]:
    message = {"role": "assistant", "content": text}
    return {
        "id": "1",
        "object": "chat.completion",
        "created": 0,
        "model": body["model"],
        "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
    }


def _answer(body: dict[str, Any]) -> str:
    from dspy.lm15 import Config, Message, Request

    from teleprompt.lm.offline.engine import NearestDemoEngine

    makers = {"user": Message.user, "assistant": Message.assistant}
    system = "\n".join(m["content"] for m in body["messages"] if m["role"] in {"system", "developer"})
    if not system:
        return "A text."
    messages = tuple(makers[m["role"]](_text(m["content"])) for m in body["messages"] if m["role"] in makers)
    request = Request(model=body["model"], system=system, messages=messages, config=Config(temperature=0.0))
    return str(NearestDemoEngine().complete(request).message.text)


def _text(content: Any) -> str:
    return content if isinstance(content, str) else "".join(part.get("text", "") for part in content)


@contextmanager
def model_server(fault: Callable[[int], Fault] = lambda _n: None, *, seconds: float = 0.0) -> Iterator[ModelServer]:
    """A running server."""
    server = ModelServer(fault, seconds=seconds)
    with serving(server):
        yield server
