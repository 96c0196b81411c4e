"""A server on loopback for clients that are not DSPy's: what they ask of a provider passes the meter on its way there.

Clients find it by the variables that they read anyway (`OPENAI_BASE_URL`, `OPENAI_API_KEY`, `ANTHROPIC_BASE_URL`, …).
Requests and answers are handed on as they are, whatever the path; of an answer only what it says of tokens is read.
"""

import json
import os
import secrets
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from teleprompt.config.settings import LMConfig
from teleprompt.lm.meter import Answered, CallsStopped, Meter, ModelGone
from teleprompt.lm.metered import counted, direct

MOST_BYTES = 64 * 2**20
"""Of a request."""

SECONDS = 600


@dataclass(frozen=True)
class Upstream:
    """A provider, as its own client would find it."""

    path: str
    """First part of the path here."""
    variables: tuple[str, ...]
    """That name its address, the first that is set; the client gets ours in all of them."""
    key_variable: str
    public: str
    """Its address where no variable names one."""
    header: str
    """That carries the key."""


OPENAI = Upstream(
    "openai", ("OPENAI_BASE_URL", "OPENAI_API_BASE"), "OPENAI_API_KEY", "https://api.openai.com/v1", "Authorization"
)
ANTHROPIC = Upstream(
    "anthropic", ("ANTHROPIC_BASE_URL", "ANTHROPIC_API_BASE"), "ANTHROPIC_API_KEY", "https://api.anthropic.com",
    "x-api-key",
)  # fmt: skip
UPSTREAMS = (OPENAI, ANTHROPIC)


@dataclass(frozen=True)
class Route:
    """Where requests are handed on to."""

    upstream: Upstream
    address: str
    key: str


def routes_of(models: Sequence[LMConfig], environ: Mapping[str, str]) -> list[Route]:
    """The providers that can be reached: by the environment, else by the model that the program is given."""
    found = []
    for upstream in UPSTREAMS:
        own = next((model for model in models if model.model.partition("/")[0] == upstream.path), None)
        named = next((environ[name] for name in upstream.variables if environ.get(name)), None)
        if named is None and own is not None and own.api_base is not None:
            named = own.api_base.get_secret_value()
        key = environ.get(upstream.key_variable, "")
        if not key and own is not None and own.api_key is not None:
            key = own.api_key.get_secret_value()
        if key:
            found.append(Route(upstream, (named or upstream.public).rstrip("/"), key))
    return found


@contextmanager
def loopback(meter: Meter, routes: Sequence[Route]) -> Iterator[str]:
    """Serve, with the environment naming us as each provider; gives our address.

    Only who has the key that stands in the environment, too, is served.
    """
    server = _Server(meter, {route.upstream.path: route for route in routes}, key=secrets.token_urlsafe(24))
    address = f"http://127.0.0.1:{server.server_port}"
    ours = {
        name: value
        for route in routes
        for name, value in (
            *((variable, f"{address}/{route.upstream.path}") for variable in route.upstream.variables),
            (route.upstream.key_variable, server.key),
        )
    }
    direct.update({route.upstream.path: (route.address, route.key) for route in routes})
    before = {name: os.environ.get(name) for name in ours}
    os.environ.update(ours)
    threading.Thread(target=server.serve_forever, name="loopback", daemon=True).start()
    try:
        yield address
    finally:
        direct.clear()
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        server.shutdown()
        server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, meter: Meter, routes: Mapping[str, Route], *, key: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.meter, self.routes, self.key = meter, routes, key


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Lists of models and the like cost nothing."""
        self._hand_on(is_call=False)

    def do_POST(self) -> None:
        """A call."""
        self._hand_on(is_call=True)

    def _hand_on(self, *, is_call: bool) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        if length > MOST_BYTES:
            self._refuse(413, "too large")
            return
        body = self.rfile.read(length)
        first, _, rest = self.path.lstrip("/").partition("/")
        route = self.server.routes.get(first)
        if route is None or self.server.key not in (self.headers.get(route.upstream.header) or ""):
            self._refuse(401, "ask through the address and the key that the environment names")
            return
        if is_call:
            try:
                self.server.meter.before_call()
            except (CallsStopped, ModelGone) as stopped:
                self._refuse(429, str(stopped))
                return
        self._send(route, f"{route.address}/{rest}", body, is_call=is_call)

    def _send(self, route: Route, url: str, body: bytes, *, is_call: bool) -> None:
        import httpx

        kept = {"accept", "content-type", "user-agent", "anthropic-version", "anthropic-beta", "openai-beta"}
        headers = {name: value for name, value in self.headers.items() if name.lower() in kept}
        headers[route.upstream.header] = f"Bearer {route.key}" if route.upstream is OPENAI else route.key
        try:
            with counted():
                answer = httpx.request(self.command, url, content=body or None, headers=headers, timeout=SECONDS)
        except httpx.HTTPError as error:
            self.server.meter.failed(type(error).__name__)
            self._refuse(502, f"the provider could not be reached ({type(error).__name__})")
            return
        if is_call and answer.is_success:
            self.server.meter.answered(_usage(body, answer.content))
        elif is_call:
            self.server.meter.failed(f"HTTP{answer.status_code}")
        handed = {"content-type", "retry-after", "x-request-id"}
        self._answer(answer.status_code, answer.content, {k: v for k, v in answer.headers.items() if k in handed})

    def _refuse(self, status: int, why: str) -> None:
        error = {"error": {"message": f"Teleprompt's meter: {why}", "type": "insufficient_quota", "code": status}}
        # Clients would try again what the meter will not let pass.
        self._answer(
            status, json.dumps(error).encode(), {"content-type": "application/json", "x-should-retry": "false"}
        )

    def _answer(self, status: int, content: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        """Say nothing: paths may hold a user's text."""


def _usage(request: bytes, content: bytes) -> Answered:
    """The tokens that an answer states: OpenAI's and Anthropic's names, in one document or in a stream's events.

    A stream may state none; then four bytes count as a token, so that a budget of tokens holds roughly.
    """
    tokens_in = tokens_out = 0
    lines = content.split(b"\n") if content.lstrip().startswith((b"data:", b"event:")) else [content]
    for line in lines:
        try:
            said = json.loads(line.removeprefix(b"data:"))
        except ValueError:
            continue
        holders = [said, said.get("message"), said.get("response")] if isinstance(said, dict) else []
        for holder in holders:
            usage = holder.get("usage") if isinstance(holder, dict) else None
            if isinstance(usage, dict):
                cached = _number(usage, "cache_read_input_tokens") + _number(usage, "cache_creation_input_tokens")
                tokens_in = max(tokens_in, _number(usage, "prompt_tokens", "input_tokens") + cached)
                tokens_out = max(tokens_out, _number(usage, "completion_tokens", "output_tokens"))
    if not tokens_in and not tokens_out:
        tokens_in, tokens_out = len(request) // 4, len(content) // 4
    return Answered(tokens_in=tokens_in, tokens_out=tokens_out, cost_e6=None)


def _number(usage: Mapping[str, Any], *names: str) -> int:
    return next((int(usage[name]) for name in names if isinstance(usage.get(name), int)), 0)
