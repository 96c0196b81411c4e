"""Paging by key: the next page starts at the last page's last moment, without the calls already seen there.

A page token is an offset, which costs the server more the further it is, and which slips when a call is deleted in the
meantime. A key does neither. Only calls that share one millisecond and fill a page are paged by token.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

from include.teleprompt.traces.sources.patience import patiently

if TYPE_CHECKING:
    import pyarrow as pa

Fetch = Callable[[int, str | None], tuple["pa.Table", str | None]]
"""`fetch(start_ms, token)`: a page of calls from `start_ms` on, ordered by start, and the token of the next page."""


def keyset_pages(fetch: Fetch, start_ms: int) -> Iterator["pa.Table"]:
    """All calls from `start_ms` on, each once, a page at a time; a page that failed is asked for again."""
    import pyarrow as pa
    import pyarrow.compute as pc

    seen = pa.array([], pa.string())
    """Ids already given of the millisecond `start_ms`."""
    token: str | None = None
    while True:
        page, next_token = patiently(partial(fetch, start_ms, token))
        fresh = page.filter(pc.invert(pc.is_in(page["trace_id"], value_set=seen)))
        if len(fresh):
            yield fresh
        if not next_token:
            return
        last_ms = pc.max(page["started_at_ms"]).as_py()
        if last_ms > start_ms:
            start_ms, token = last_ms, None
            seen = page.filter(pc.equal(page["started_at_ms"], last_ms))["trace_id"].combine_chunks()
        else:
            token = next_token
            seen = pa.concat_arrays([seen, fresh["trace_id"].combine_chunks()])
