"""The application, mounted in Airflow's API server at `/teleprompt/api/v1`."""

from typing import Any

from airflow.api_fastapi.core_api.security import requires_authenticated
from fastapi import Depends, FastAPI

from teleprompt.attest.load import MAX_BYTES
from teleprompt.environment import keep_recursion_limit
from teleprompt_airflow.api import problems
from teleprompt_airflow.api.answers import AnswerCache, cache_seconds
from teleprompt_airflow.api.guard import Guard
from teleprompt_airflow.api.routes import (
    attestations,
    contributors,
    health,
    programs,
    reports,
    runs,
    traces,
    trials,
    versions,
)

PREFIX = "/teleprompt/api/v1"
ROUTES = (programs, runs, trials, traces, versions, attestations, contributors, reports, health)
LIMITS = {
    "/traces": traces.MAX_BULK_BYTES,
    "/traces/bulk": traces.MAX_BULK_BYTES,
    "/attestations/verification": MAX_BYTES,
}
"""Bytes of a body that is larger than others may be, by how the path ends."""


def create_api() -> FastAPI:
    """The API. Every route asks for Airflow's login, the description of the API too."""
    keep_recursion_limit()
    app = FastAPI(
        title="Teleprompt",
        description="Programs, their runs, versions and attestations. Log in as for Airflow's own API: a token of "
        "`/auth/token` as bearer.",
        version="1",
        servers=[{"url": PREFIX}],
        dependencies=[Depends(requires_authenticated())],
        responses=problems.RESPONSES,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
    )
    for routes in ROUTES:
        app.include_router(routes.router)
    problems.add_handlers(app)
    app.add_middleware(AnswerCache, seconds=cache_seconds, tagged=True, uncached=("/health", "/metrics"))
    app.add_middleware(Guard, refuse=problems.answer_http, limits=LIMITS)

    @app.get("/openapi.json", include_in_schema=False)
    def openapi() -> dict[str, Any]:
        return app.openapi()

    return app
