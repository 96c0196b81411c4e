"""Bodies of requests, bounded while they arrive."""

from email.message import Message
from http import HTTPStatus

from pydantic_core import from_json
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import Message as Event
from starlette.types import Receive, Scope

MAX_BYTES = 2**20
"""Of a body, unless a route takes more."""


def bounded(receive: Receive, headers: Headers, limit: int) -> Receive:
    """`receive`, which raises as soon as there are more than `limit` bytes; at once if the request says so.

    Raises:
        HTTPException: it says so (413), or it is compressed (415), so that its length would say nothing.
    """
    if headers.get("content-encoding", "identity").strip().lower() not in {"identity", ""}:
        raise HTTPException(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "Send the body as it is, without Content-Encoding.")
    too_large = HTTPException(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"The body has more than {limit} bytes; send it in several requests."
    )
    said = headers.get("content-length", "")
    if said.isascii() and said.isdigit() and (len(said) > len(str(limit)) or int(said) > limit):
        raise too_large
    seen = 0

    async def counted() -> Event:
        nonlocal seen
        event = await receive()
        seen += len(event.get("body", b""))
        if seen > limit:
            raise too_large
        return event

    return counted


def is_json(headers: Headers) -> bool:
    """Whether FastAPI would read the body as JSON."""
    message = Message()
    message["content-type"] = headers.get("content-type", "")
    kind = message.get_content_type()
    return kind.startswith("application/") and (kind == "application/json" or kind.endswith("+json"))


async def checked_json(scope: Scope, receive: Receive) -> Receive:
    """What gives the body once more, after it was seen to be JSON (RFC 8259) in UTF-8, not nested too deep.

    Python's parser recurses: where a library has raised the limit, as py_ecc does, deep nesting kills the process. It
    also lets lone surrogates through, which no database takes.

    Raises:
        HTTPException: it is not (400).
    """
    body = await Request(scope, receive).body()
    try:
        if body:
            from_json(body, allow_inf_nan=False)
    except ValueError as error:
        detail = f"The body is not JSON that can be read ({ascii(str(error))[1:-1][:200]})."
        raise HTTPException(HTTPStatus.BAD_REQUEST, detail) from error
    return _given_again(body, receive)


def _given_again(body: bytes, receive: Receive) -> Receive:
    events: list[Event] = [{"type": "http.request", "body": body, "more_body": False}]

    async def give() -> Event:
        return events.pop() if events else await receive()

    return give
