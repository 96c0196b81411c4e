"""What tells that something in a day changed: a digest of all that can change of its calls."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    Hashes = np.ndarray[Any, np.dtype[np.uint64]]


DAY_MS = 86_400_000


class DayMarks:
    """Digests of the rows of each UTC day, whatever the order in which they come."""

    def __init__(self) -> None:
        self._sums: dict[int, tuple[int, int]] = {}
        """Of each day: its rows, and the sum of their hashes modulo 2**64."""

    def add(self, what: str, rows: "pa.Table", *, days_later: int = 0) -> None:
        """Add rows of one kind; the first column is when their call started, in milliseconds."""
        import numpy as np

        if not len(rows):
            return
        days = rows.column(0).to_numpy().astype(np.int64) // DAY_MS + days_later
        hashes = _hashes(what, rows)
        order = np.argsort(days, kind="stable")
        found, firsts = np.unique(days[order], return_index=True)
        sums = np.add.reduceat(hashes[order], firsts)
        counts = np.diff([*firsts, len(order)])
        for day, count, total in zip(found.tolist(), counts.tolist(), sums.tolist(), strict=True):
            rows_before, sum_before = self._sums.get(day, (0, 0))
            self._sums[day] = (rows_before + count, (sum_before + total) % 2**64)

    def of(self, starts_ms: Iterable[int]) -> list[str]:
        """The digests of the days in which these moments lie."""
        return ["{}/{:016x}".format(*self._sums.get(start // DAY_MS, (0, 0))) for start in starts_ms]


def _hashes(what: str, rows: "pa.Table") -> "Hashes":
    """A hash of 64 bits per row (SipHash of its values, joined)."""
    import pyarrow as pa
    import pyarrow.compute as pc
    from pandas.util import hash_array

    columns = [pc.fill_null(_texts(column), "\x00") for column in rows.columns[1:]]
    joined = pc.binary_join_element_wise(pa.scalar(what), *columns, "\x1f")
    flat = joined.combine_chunks() if isinstance(joined, pa.ChunkedArray) else joined
    hashes: Hashes = hash_array(flat.to_numpy(zero_copy_only=False), categorize=False)
    return hashes


def _texts(column: "pa.ChunkedArray") -> "pa.Array":
    import pyarrow as pa
    import pyarrow.compute as pc

    values = column.combine_chunks()
    if pa.types.is_floating(values.type):
        values = values.view(pa.int64())  # exact, and NaN as well
    return pc.cast(values, pa.string())
