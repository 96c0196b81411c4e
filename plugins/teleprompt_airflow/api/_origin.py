"""Whether a request that changes something comes from Airflow's own pages, and not from a page of somebody else's.

A browser sends the login's cookie whoever made the form. It says who did: `Sec-Fetch-Site` over HTTPS and to
localhost, else `Origin`, which differs by the port where the site does not. A token in `Authorization` is another
matter, for no form can send one.
"""

from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.datastructures import Headers

DEFAULT_PORTS = {"http": 80, "https": 443}


def comes_from_elsewhere(headers: Headers, *, scheme: str, trusted: Collection[str] = ()) -> bool:
    """Whether the request was, or may have been, made by another origin than the one that it is sent to.

    `scheme` is the one that the server sees; `trusted` are further origins that may.
    """
    named = {origin_of(text) for text in headers.getlist("origin")}
    allowed = {origin_of(text) for text in trusted} - {None}
    if named and named <= allowed:
        return False
    sites = set(headers.getlist("sec-fetch-site"))
    if sites:
        return sites != {"same-origin"}
    if not named and "referer" in headers:
        named = {origin_of(headers["referer"])}
    if not named:
        return not headers.get("authorization", "").lower().startswith("bearer ")
    return not named <= (allowed | own_origins(headers, scheme=scheme))


def own_origins(headers: Headers, *, scheme: str) -> set[str | None]:
    """The origins that the request was sent to, as the browser names them.

    What a proxy says of itself is believed of anybody: no page can make a browser send these headers elsewhere.
    """
    scheme = _first(headers.get("x-forwarded-proto")) or scheme
    hosts = [headers.get("host", "")]
    if forwarded := _first(headers.get("x-forwarded-host")):
        port = _first(headers.get("x-forwarded-port"))
        hosts += [forwarded, f"{forwarded}:{port}"] if port else [forwarded]
    return {origin_of(f"{scheme}://{host}") for host in hosts} - {None}


def origin_of(url: str) -> str | None:
    """Scheme, host and port of a URL; None for `null` and whatever else has none."""
    try:
        parts = urlsplit(url.strip().lower())
        port = parts.port or DEFAULT_PORTS.get(parts.scheme)
    except ValueError:
        return None
    return f"{parts.scheme}://{parts.hostname}:{port}" if parts.scheme in DEFAULT_PORTS and parts.hostname else None


def _first(forwarded: str | None) -> str:
    """What the first of several proxies said."""
    return (forwarded or "").partition(",")[0].strip()
