"""The earliest call under each contributor's id, of all calls of a window, used or not.

Which of them a snapshot holds is no matter: a duplicate, a call without an outcome, or one that a sample left out is a
use of the id as well.
"""

from typing import TYPE_CHECKING

from teleprompt.records import Record

if TYPE_CHECKING:
    import pyarrow as pa


class FirstUse(Record):
    """The earliest call of an id that is known."""

    contributor_id: str
    started_at_ms: int
    address: str | None
    """None where it named none."""


def add_first_uses(known: dict[str, FirstUse], calls: "pa.Table") -> None:
    """Add what `calls` tell, in the order of time and after those before.

    Their columns are `contributor_id`, `contributor_address` (checksummed) and `started_at_ms`.
    """
    columns = ("contributor_id", "contributor_address", "started_at_ms")
    for own, address, at in zip(*(calls[name].to_pylist() for name in columns), strict=True):
        if own not in known:
            known[own] = FirstUse(contributor_id=own, started_at_ms=at, address=address)
