"""Reading past a call that MLflow itself cannot read, and that takes its whole page with it."""

import logging
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from teleprompt.traces.sources._keyset import keyset_pages
from teleprompt.traces.sources._trace_rows import info_schema
from teleprompt.traces.sources.raw import UNFETCHED

if TYPE_CHECKING:
    import pyarrow as pa
    from mlflow import MlflowClient

log = logging.getLogger(__name__)

T = TypeVar("T")

REFUSALS = {401, 403, 429}
"""HTTP status codes that tell nothing of what was asked for."""

Fetch = Callable[[int, int, str | None], tuple["pa.Table", str | None]]
"""`fetch(end_ms, start_ms, token)`: a page of calls of that span, ordered by start, and the token of the next."""


class DamagedError(Exception):
    """MLflow answers other questions, and not this one: something that it was to give is damaged."""


def asked(question: Callable[[], T], client: "MlflowClient", *, times: int = 1) -> T:
    """What MLflow gives to a question.

    A server that was away, and is back for the question whether it is, is told from damage by asking `times` more than
    once; where what is damaged is looked for by halves, each half is asked for anew anyway.

    Raises:
        DamagedError: it answers others, and failed on this one each time.
        Exception: whatever the question raised, where MLflow answers nothing, or refuses.
    """
    failures = 0
    while True:
        try:
            return question()
        except Exception as error:
            if _refused(error) or not _answers(client):
                raise
            failures += 1
            if failures == times:
                raise DamagedError(type(error).__name__) from error


def _refused(error: Exception) -> bool:
    """Whether it is not allowed, or not so often."""
    status = getattr(error, "get_http_status_code", None)
    return status is not None and status() in REFUSALS


def _answers(client: "MlflowClient") -> bool:
    try:
        client.search_experiments(max_results=1)
    except Exception:  # noqa: BLE001 - whatever it is, MLflow does not answer
        return False
    return True


def past_damage(fetch: Fetch, start_ms: int, end_ms: int) -> Iterator["pa.Table"]:
    """All calls of a span in order, a page at a time; in place of those that cannot be read a row that says so.

    A span of which a page is damaged is halved until the damage lies in one millisecond.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    reached, given = start_ms, pa.array([], pa.string())
    try:
        for page in keyset_pages(partial(fetch, end_ms), start_ms):
            yield page
            reached = page["started_at_ms"][-1].as_py()
            given = page.filter(pc.equal(page["started_at_ms"], reached))["trace_id"].combine_chunks()
    except DamagedError as error:
        for page in _halves(fetch, reached, end_ms, error):
            yield page.filter(pc.invert(pc.is_in(page["trace_id"], value_set=given)))


def _halves(fetch: Fetch, start_ms: int, end_ms: int, error: DamagedError) -> Iterator["pa.Table"]:
    if end_ms - start_ms <= 1:
        try:
            yield from list(keyset_pages(partial(fetch, end_ms), start_ms))
        except DamagedError:
            log.warning("MLflow cannot read a call that started at %d (Unix time in ms; %s)", start_ms, error)
            yield _unreadable(start_ms)
        return
    middle = (start_ms + end_ms) // 2
    yield from past_damage(fetch, start_ms, middle)
    yield from past_damage(fetch, middle, end_ms)


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
