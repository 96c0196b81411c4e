"""Errors as RFC 9457 problem documents."""

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from teleprompt.encoding.secret_uri import hide_credentials
from teleprompt.errors import ConfigurationError, TelepromptError, TransientError

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_SECONDS = 30


class Problem(BaseModel):
    """What went wrong, and what to do (RFC 9457)."""

    model_config = {"use_attribute_docstrings": True}

    type: str = "about:blank"
    title: str
    """The status in words."""
    status: int
    detail: str
    errors: list[dict[str, Any]] | None = None
    """Of a request that breaks the schema: each place and what is wrong with it."""


def described(status: int) -> dict[str, Any]:
    """A problem document among the answers that a route describes."""
    content = {MEDIA_TYPE: {"schema": Problem.model_json_schema()}}
    return {"description": HTTPStatus(status).phrase, "content": content}


RESPONSES: dict[int | str, dict[str, Any]] = {
    status.value: described(status)
    for status in (
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.NOT_FOUND,
        HTTPStatus.METHOD_NOT_ALLOWED,
        HTTPStatus.CONFLICT,
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        HTTPStatus.UNPROCESSABLE_ENTITY,
        HTTPStatus.SERVICE_UNAVAILABLE,
    )
}
"""What every route may answer beside its own."""


class NotFoundError(ConfigurationError):
    """There is no such thing, or the user may not see it."""

    http_status = HTTPStatus.NOT_FOUND


class ConflictError(TelepromptError):
    """What is asked for contradicts what there is."""


def problem(
    status: int, detail: str, *, headers: Mapping[str, str] | None = None, errors: list[dict[str, Any]] | None = None
) -> JSONResponse:
    """A problem document as an answer."""
    body = Problem(title=HTTPStatus(status).phrase, status=status, detail=detail, errors=errors)
    return JSONResponse(body.model_dump(exclude_none=True), status, headers, media_type=MEDIA_TYPE)


def add_handlers(app: FastAPI) -> None:
    """Answer every error with a problem document."""
    app.add_exception_handler(HTTPException, answer_http)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(TelepromptError, _domain)
    app.add_exception_handler(Exception, _unexpected)


def answer_http(_: Request, error: Exception) -> JSONResponse:
    """An `HTTPException` as an answer."""
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for it
    return problem(error.status_code, str(error.detail), headers=error.headers)


def _validation(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for it
    errors = [{"place": ".".join(map(str, found["loc"])), "problem": found["msg"]} for found in error.errors()]
    detail = "; ".join(f"{found['place']}: {found['problem']}" for found in errors[:3])
    return problem(HTTPStatus.UNPROCESSABLE_ENTITY, detail, errors=errors)


def _domain(_: Request, error: Exception) -> JSONResponse:
    wait = {"Retry-After": str(RETRY_AFTER_SECONDS)} if isinstance(error, TransientError) else None
    return problem(status_of(error), hide_credentials(str(error)), headers=wait)


def status_of(error: Exception) -> HTTPStatus:
    """The status that an error of the domain, or of a request, is answered with."""
    match error:
        case TelepromptError():
            return error.http_status
        case RequestValidationError():
            return HTTPStatus.UNPROCESSABLE_ENTITY
        case _:
            return HTTPStatus.CONFLICT


def _unexpected(_: Request, error: Exception) -> JSONResponse:
    log.exception("The API failed", exc_info=error)
    return problem(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        f"Unexpected {type(error).__name__}; the API server's log says more.",
    )
