"""Paging by key: the next page starts at the last page's last moment, without the calls already seen there.

A page token is an offset, which costs the server more the further it is, and which slips when a call is deleted in the
meantime. A key does neither. Only calls that share one millisecond and fill a page are paged by token.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

from teleprompt.traces.sources._patience import patiently
from teleprompt.traces.sources.raw import in_order

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
    while True:
        page, more = patiently(partial(fetch, start_ms, None))
        last_ms = pc.max(page["started_at_ms"]).as_py()
        if more and last_ms == start_ms:
            page = _whole_millisecond(fetch, start_ms)
        fresh = page.filter(pc.invert(pc.is_in(page["trace_id"], value_set=seen)))
        if len(fresh):
            yield fresh
        if not more:
            return
        if last_ms > start_ms:
            start_ms = last_ms
            seen = page.filter(pc.equal(page["started_at_ms"], last_ms))["trace_id"].combine_chunks()
        else:
            start_ms += 1
            seen = pa.array([], pa.string())


def _whole_millisecond(fetch: Fetch, at_ms: int) -> "pa.Table":
    """All calls that started at `at_ms`, which are more than a page.

    A call that is deleted in the meantime moves the offsets of those behind it, so they are gone through again until
    nothing new is found.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    found: pa.Table | None = None
    while True:
        pages, token = [] if found is None else [found], None
        while True:
            page, token = patiently(partial(fetch, at_ms, token))
            pages.append(page.filter(pc.equal(page["started_at_ms"], at_ms)))
            if not token or len(pages[-1]) < len(page):
                break
        together = pa.concat_tables(pages)
        firsts = together.append_column("row", pa.array(range(len(together)))).group_by("trace_id")
        unique = in_order(together.take(firsts.aggregate([("row", "min")])["row_min"]))
        if found is not None and len(unique) == len(found):
            return unique
        found = unique
