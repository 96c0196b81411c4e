"""Reading past a call that MLflow itself cannot read, and that takes its whole page with it."""

import logging
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from teleprompt.traces.sources._keyset import keyset_pages
from teleprompt.traces.sources._trace_rows import info_schema
from teleprompt.traces.sources.raw import UNFETCHED

if TYPE_CHECKING:
    import pyarrow as pa

log = logging.getLogger(__name__)

Fetch = Callable[[int, int, str | None], tuple["pa.Table", str | None]]
"""`fetch(end_ms, start_ms, token)`: a page of calls of that span, ordered by start, and the token of the next."""


def past_damage(fetch: Fetch, start_ms: int, end_ms: int, *, answers: Callable[[], bool]) -> Iterator["pa.Table"]:
    """All calls of a span in order, a page at a time; in place of those that cannot be read a row that says so.

    A span that fails while MLflow `answers` is halved until the failure lies in one millisecond.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    reached, given = start_ms, pa.array([], pa.string())
    try:
        for page in keyset_pages(partial(fetch, end_ms), start_ms, answers=answers):
            yield page
            reached = page["started_at_ms"][-1].as_py()
            given = page.filter(pc.equal(page["started_at_ms"], reached))["trace_id"].combine_chunks()
    except Exception as error:
        if not answers():
            raise
        for page in _halves(fetch, reached, end_ms, error, answers=answers):
            yield page.filter(pc.invert(pc.is_in(page["trace_id"], value_set=given)))


def _halves(
    fetch: Fetch, start_ms: int, end_ms: int, error: Exception, *, answers: Callable[[], bool]
) -> Iterator["pa.Table"]:
    if end_ms - start_ms <= 1:
        log.warning(
            "MLflow cannot read a call that started at %d (Unix time in ms; %s: %s); it is left out",
            start_ms, type(error).__name__, str(error)[:200],
        )  # fmt: skip
        yield _unreadable(start_ms)
        return
    middle = (start_ms + end_ms) // 2
    yield from past_damage(fetch, start_ms, middle, answers=answers)
    yield from past_damage(fetch, middle, end_ms, answers=answers)


def _unreadable(at_ms: int) -> "pa.Table":
    """The row in place of the calls of a millisecond, whose ids nobody tells."""
    import pyarrow as pa

    known: dict[str, Any] = {
        "trace_id": f"unreadable-{at_ms}",
        "source": "traces",
        "started_at_ms": at_ms,
        "failed": False,
        "inputs": [],
        "outputs": [],
        "forms": [(UNFETCHED, "unreadable")],
        "outcomes": [],
    }
    return pa.Table.from_pylist([known], schema=info_schema())
