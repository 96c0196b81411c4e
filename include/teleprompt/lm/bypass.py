"""Seeing that a program asks a model past the meter: by the addresses to which it opens connections.

Python tells an audit hook of every name that is looked up and every connection that is opened (PEP 578). A hook cannot
be taken off again, so there is one, which does nothing outside of `watching`. What a program starts as another process,
or does in native code, is not seen.
"""

import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import urlsplit

from teleprompt.errors import ConfigurationError
from teleprompt.lm.metered import is_counted

PROVIDERS = (
    "api.openai.com", "*.openai.azure.com", "api.anthropic.com", "generativelanguage.googleapis.com",
    "*aiplatform.googleapis.com", "bedrock-runtime.*.amazonaws.com", "api.mistral.ai", "api.cohere.com",
    "api.cohere.ai", "api.groq.com", "api.together.xyz", "api.fireworks.ai", "api.deepseek.com", "api.x.ai",
    "api.perplexity.ai", "openrouter.ai", "api-inference.huggingface.co", "router.huggingface.co", "api.ai21.com",
    "api.cerebras.ai", "api.sambanova.ai", "api.voyageai.com", "api.jina.ai",
)  # fmt: skip
"""Hosts that sell answers of models."""

PORTS = {"http": 80, "https": 443}


class UnmeteredModelError(ConfigurationError):
    """A program asks a model past the meter, so that no budget could hold it."""

    def __init__(self, host: str) -> None:
        super().__init__(
            f"The program opens a connection to {host} by itself, where models are asked, and no budget could hold it; "
            "let it use `dspy.LM`, or a client that reads OPENAI_BASE_URL or ANTHROPIC_BASE_URL. If no model is asked "
            f"there, add {host} to TELEPROMPT_PROGRAM_PROCESS__UNMETERED."
        )
        self.host = host


class _Watch:
    def __init__(self, own: frozenset[tuple[str, int]], let_pass: frozenset[str], seen: Callable[[str], None]) -> None:
        self._own, self._let_pass, self._seen = own, let_pass, seen

    def look(self, host: Any, port: Any) -> None:
        """See whether a model is asked there, and by whom."""
        name = host.decode(errors="replace") if isinstance(host, bytes) else str(host)
        number = int(port) if str(port).isdigit() else PORTS.get(str(port), 0)
        if is_counted() or {name, f"{name}:{number}"} & self._let_pass:
            return
        if (name, number) in self._own or any(fnmatchcase(name, provider) for provider in PROVIDERS):
            self._seen(f"{name}:{number}" if (name, number) in self._own else name)
            raise UnmeteredModelError(name)


_watch: _Watch | None = None
_hooked = False


@contextmanager
def watching(
    addresses: Sequence[str], *, let_pass: Sequence[str] = (), seen: Callable[[str], None] = lambda _host: None
) -> Iterator[None]:
    """Refuse connections to providers of models and to `addresses` (URLs of our models) that pass no meter.

    `seen` is told the host of each, for a program may swallow the error.
    """
    global _watch, _hooked
    if not _hooked:
        sys.addaudithook(_hear)
        _hooked = True
    _watch = _Watch(
        frozenset(place for url in addresses for place in _places(url)),
        frozenset(name for host in let_pass for name in _names(host)),
        seen,
    )
    try:
        yield
    finally:
        _watch = None


def _hear(event: str, arguments: tuple[Any, ...]) -> None:
    if _watch is None or event not in {"socket.getaddrinfo", "socket.connect"}:
        return
    if event == "socket.getaddrinfo":
        _watch.look(arguments[0], arguments[1])
    elif isinstance(arguments[1], tuple):  # not a socket file
        _watch.look(arguments[1][0], arguments[1][1])


def _names(host: str) -> Iterator[str]:
    """`host` or `host:port` by name and by each of its addresses."""
    yield host
    name, separator, port = host.partition(":")
    with suppress(OSError):
        yield from (f"{found[4][0]}{separator}{port}" for found in socket.getaddrinfo(name, port or None))


def _places(url: str) -> Iterator[tuple[str, int]]:
    """Host and port of a URL, by name and by each of its addresses."""
    parts = urlsplit(url)
    if parts.hostname:
        port = parts.port or PORTS.get(parts.scheme, 0)
        yield parts.hostname, port
        with suppress(OSError):
            yield from ((str(found[4][0]), port) for found in socket.getaddrinfo(parts.hostname, port))
