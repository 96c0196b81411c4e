"""The earliest call under each contributor's id, of all calls of a window, used or not.

Which of them a snapshot holds is no matter: a duplicate, a call without an outcome, or one that a sample left out is a
use of the id as well.
"""

from typing import TYPE_CHECKING

from teleprompt.records import Record

if TYPE_CHECKING:
    import pyarrow as pa


CALL_COLUMNS = ("contributor_id", "contributor_address", "started_at_ms")
"""Of the calls that are looked at; addresses are checksummed."""


class FirstUse(Record):
    """The earliest call of an id that is known."""

    contributor_id: str
    started_at_ms: int
    address: str | None
    """None where it named none."""


def add_first_uses(known: dict[str, FirstUse], calls: "pa.Table") -> None:
    """Add what `calls` (of `CALL_COLUMNS`) tell, in the order of time and after those before."""
    for own, address, at in zip(*(calls[name].to_pylist() for name in CALL_COLUMNS), strict=True):
        if own not in known:
            known[own] = FirstUse(contributor_id=own, started_at_ms=at, address=address)
