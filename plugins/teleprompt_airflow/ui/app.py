"""The pages, mounted in Airflow's API server at `/teleprompt/ui` and shown in an iframe of Airflow's UI."""

import re
from collections.abc import Awaitable, Callable
from functools import cache
from pathlib import Path

from airflow.api_fastapi.core_api.security import requires_authenticated
from fastapi import Depends, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse
from starlette.exceptions import HTTPException
from starlette.staticfiles import StaticFiles

from teleprompt.encoding.secret_uri import hide_credentials
from teleprompt.errors import TelepromptError
from teleprompt_airflow.api.answers import AnswerCache, cache_seconds
from teleprompt_airflow.api.guard import Guard
from teleprompt_airflow.api.problems import status_of
from teleprompt_airflow.ui import _pages as pages
from teleprompt_airflow.ui._rendering import render

PREFIX = "/teleprompt/ui"
HERE = Path(__file__).parent
STATIC = f"{PREFIX}/static/"
VERIFIER = "verify.html"
"""The page that verifies an attestation in the browser; it stands on its own, and may be kept."""
POLICY = "Content-Security-Policy"
HEADERS = {
    POLICY: "default-src 'none'; style-src 'self' 'unsafe-inline'; script-src 'self'; "
    "img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def create_pages() -> FastAPI:
    """The pages. All but the style sheet and the script ask for Airflow's login."""
    app = FastAPI(title="Teleprompt", docs_url=None, redoc_url=None, openapi_url=None)
    app.mount("/static", StaticFiles(directory=HERE / "static"), name="static")
    app.include_router(pages.router, dependencies=[Depends(requires_authenticated())])
    app.add_middleware(AnswerCache, seconds=cache_seconds, uncached=("/static",))
    app.add_middleware(Guard, refuse=_said)
    app.middleware("http")(_with_headers)
    for kind in (HTTPException, RequestValidationError, TelepromptError):
        app.add_exception_handler(kind, _said)
    return app


async def _with_headers(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    answer = await call_next(request)
    static = request.url.path.startswith(STATIC)
    answer.headers.update({name: value for name, value in HEADERS.items() if not (static and name == "Cache-Control")})
    if request.url.path == f"{STATIC}{VERIFIER}":
        answer.headers[POLICY] = _policy_of_verifier()
    return answer


@cache
def _policy_of_verifier() -> str:
    """What its page says of itself, the hashes of its own script and style, and nothing of ours beside them."""
    (policy,) = re.findall(rf'<meta http-equiv="{POLICY}" content="([^"]+)">', (HERE / "static" / VERIFIER).read_text())
    return f"{policy}; frame-ancestors 'self'"


def _said(request: Request, error: Exception) -> HTMLResponse:
    """An error as a page."""
    del request
    status = error.status_code if isinstance(error, HTTPException) else status_of(error)
    said = error.detail if isinstance(error, HTTPException) else hide_credentials(str(error))
    if status == 401:
        said = "Log in to Airflow, then come back."
    return HTMLResponse(render("error.html", said=said, root="."), status)
