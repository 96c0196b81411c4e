"""What every request that may change something has to get past before a route, or anything else, reads its body."""

from collections.abc import Callable, Mapping

from airflow.api_fastapi.core_api.security import bearer_scheme, get_user
from airflow.configuration import conf
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from teleprompt_airflow.api import _bodies as bodies
from teleprompt_airflow.api._origin import comes_from_elsewhere

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


class Guard:
    """Middleware: no login, another site's page, or too large a body, and the request is answered here.

    :param refuse: makes the answer of the error.
    :param limits: bytes of a body where the path ends so, if more than `bodies.MAX_BYTES`.
    """

    def __init__(
        self, app: ASGIApp, *, refuse: Callable[[Request, Exception], Response], limits: Mapping[str, int] | None = None
    ) -> None:
        self.app = app
        self.refuse = refuse
        self.limits = limits or {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request, or hand it on."""
        if scope["type"] != "http" or scope["method"] in SAFE_METHODS:
            await self.app(scope, receive, send)
            return
        request = Request(scope, receive)
        try:
            # FastAPI reads and parses a body before it asks who sent it.
            await get_user(request, None, await bearer_scheme(request))
            _check_origin(request)
            receive = bodies.bounded(receive, request.headers, self._limit(scope["path"]))
            if bodies.is_json(request.headers):
                receive = await bodies.checked_json(scope, receive)
        except HTTPException as error:
            await self.refuse(request, error)(scope, receive, send)
            return
        except ClientDisconnect:
            return
        await self.app(scope, receive, send)

    def _limit(self, path: str) -> int:
        return next((limit for end, limit in self.limits.items() if path.endswith(end)), bodies.MAX_BYTES)


def _check_origin(request: Request) -> None:
    trusted = [conf.get("api", "base_url", fallback=None) or "", *conf.getlist("api", "access_control_allow_origins")]
    if comes_from_elsewhere(request.headers, scheme=request.url.scheme, trusted=trusted):
        raise HTTPException(
            403,
            "This came from a page of another site, or does not say from where, so nothing was done; behind a proxy, "
            "set Airflow's `[api] base_url` to the address in the browser.",
        )
