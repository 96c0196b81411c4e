"""What was set aside, as lines that can be corrected and handed in again."""

import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

from teleprompt.traces.submission._events import Accepted
from teleprompt.traces.submission.spool import AsideRow, Spool

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def as_lines(spool: Spool, rows: Iterable[AsideRow]) -> Iterator[str]:
    """Each row as it was handed in, and when its outcomes were seen: that is not when it is handed in again."""
    for row in rows:
        found = spool.read_aside(row.number)
        if found is not None:
            yield _dated(found.body, found.accepted)


def _dated(body: str, accepted: Accepted) -> str:
    row = json.loads(body)
    if row.get("outcomes") and "outcome_at" not in row:
        row["outcome_at"] = (_EPOCH + timedelta(microseconds=accepted.at_us)).isoformat()
    return json.dumps(row, ensure_ascii=False)
