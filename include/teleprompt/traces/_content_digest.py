"""A digest of rows, however they are stored: the same on any machine and with any version of a library."""

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa


class ContentDigest:
    """SHA-256 over rows, fed a table at a time; how they are cut into tables does not matter.

    Each value is written as a netstring (https://cr.yp.to/proto/netstrings.txt) of its text, null as `-`: integers and
    times (milliseconds) in decimal, floats as the decimal of their 64 bits, structs, lists and maps as the netstring of
    their members', a row as the netstring of its values'.
    """

    def __init__(self) -> None:
        self._hash = hashlib.sha256()

    def update(self, table: "pa.Table") -> None:
        """Add rows."""
        for batch in table.combine_chunks().to_batches():
            if len(batch):
                rows = _joined([_encoded(column) for column in batch.columns])
                self._hash.update(b"".join(rows.to_pylist()))

    def hexdigest(self) -> str:
        """The digest of all rows so far."""
        return self._hash.hexdigest()


def _netstrings(texts: "pa.Array") -> "pa.Array":
    import pyarrow as pa
    import pyarrow.compute as pc

    data = texts.cast(pa.binary())
    lengths = pc.binary_length(data).cast(pa.string()).cast(pa.binary())
    return pc.fill_null(pc.binary_join_element_wise(lengths, data, pa.scalar(b":", pa.binary())), b"-")


def _joined(columns: "list[pa.Array]") -> "pa.Array":
    import pyarrow as pa
    import pyarrow.compute as pc

    return _netstrings(pc.binary_join_element_wise(*columns, pa.scalar(b"", pa.binary())))


def _encoded(column: "pa.Array") -> "pa.Array":
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = column.type
    if pa.types.is_struct(kind):
        members = _joined([_encoded(column.field(i)) for i in range(kind.num_fields)])
        return pc.if_else(column.is_valid(), members, pa.scalar(b"-", pa.binary()))
    if pa.types.is_map(kind):
        plain = pa.list_(pa.struct([("key", kind.key_type), ("value", kind.item_type)]))
        return _encoded(column.cast(plain))
    if pa.types.is_list(kind):
        members = _encoded(column.flatten())
        offsets = column.offsets if column.null_count == 0 else _offsets(column)
        lists = pa.ListArray.from_arrays(pc.subtract(offsets, offsets[0]).cast(pa.int32()), members)
        joined = _netstrings(pc.binary_join(lists, pa.scalar(b"", pa.binary())))
        return pc.if_else(column.is_valid(), joined, pa.scalar(b"-", pa.binary()))
    if pa.types.is_floating(kind):
        column = column.cast(pa.float64()).view(pa.int64())
    if pa.types.is_timestamp(kind):
        column = column.cast(pa.timestamp("ms", tz="UTC")).cast(pa.int64())
    return _netstrings(column.cast(pa.string()))


def _offsets(column: "pa.Array") -> "pa.Array":
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    lengths = pc.fill_null(pc.list_value_length(column), 0).to_numpy()
    return pa.array(np.r_[0, np.cumsum(lengths)])
