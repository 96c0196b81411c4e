"""From MLflow's tall tables (id, key, value) to one row per call."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    Numbers = np.ndarray[Any, np.dtype[Any]]


def grouped(tall: "pa.Table", ids: "pa.Array", by: Sequence[str]) -> tuple["pa.Table", "pa.Array"]:
    """The rows of `tall`, whose first column is an id, in the order of `ids` and then of the columns `by`.

    Without that first column; also the offsets at which each id's rows begin, `len(ids) + 1` of them. Rows of other ids
    are left out.
    """
    import numpy as np
    import pyarrow as pa

    order, position = _order(tall, ids, by)
    offsets = np.searchsorted(position[order], np.arange(len(ids) + 1)).astype(np.int32)
    rows = tall.select(tall.column_names[1:]).take(pa.array(order[: offsets[-1]]))
    return rows, pa.array(offsets)


def _order(tall: "pa.Table", ids: "pa.Array", by: Sequence[str]) -> tuple["Numbers", "Numbers"]:
    """In which order to take the rows of `tall`; and of each row the place of its id in `ids`, or their number."""
    import numpy as np
    import pyarrow.compute as pc

    position = pc.fill_null(pc.index_in(_texts(tall.column(0)), value_set=ids), len(ids)).to_numpy()
    return np.lexsort((*(_places(tall[name]) for name in reversed(by)), position)), position


def to_maps(tall: "pa.Table", ids: "pa.Array", prefixes: Sequence[str]) -> list["pa.Array"]:
    """For each prefix a map per id: from the keys (second column) that begin with it, without it, to their values.

    The values, which may be large, are moved once.
    """
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    order, position = _order(tall, ids, [tall.column_names[1]])
    keys, values = _texts(tall.column(1)), _texts(tall.column(2))
    maps = []
    for prefix in prefixes:
        begins = pc.starts_with(keys, prefix).to_numpy(zero_copy_only=False)
        mine = order[begins[order]]
        offsets = np.searchsorted(position[mine], np.arange(len(ids) + 1)).astype(np.int32)
        chosen = pa.array(mine[: offsets[-1]])
        names = pc.utf8_slice_codeunits(keys.take(chosen), start=len(prefix))
        maps.append(pa.MapArray.from_arrays(pa.array(offsets), names, values.take(chosen)))
    return maps


def lookup(tall: "pa.Table", ids: "pa.Array", key: str) -> "pa.Array":
    """The value (third column) of `key` (second) per id; null where there is none."""
    import pyarrow.compute as pc

    mine = tall.filter(pc.equal(tall.column(1), key))
    return _texts(mine.column(2)).take(pc.index_in(ids, value_set=_texts(mine.column(0))))


def flat(column: "pa.ChunkedArray") -> "pa.Array":
    """The column as one array."""
    import pyarrow as pa

    array = column.combine_chunks()
    if isinstance(array, pa.ChunkedArray):
        return pa.concat_arrays(array.chunks) if array.num_chunks else pa.array([], array.type)
    return array


def _places(column: "pa.ChunkedArray") -> "Numbers":
    """Numbers in the order of the values of `column`; texts by their place among the few that there are."""
    import pyarrow as pa
    import pyarrow.compute as pc

    values = flat(column)
    if not pa.types.is_string(values.type):
        return values.to_numpy(zero_copy_only=False)  # type: ignore[no-any-return]
    words = values.dictionary_encode()
    return pc.rank(words.dictionary, tiebreaker="dense").take(words.indices).to_numpy()  # type: ignore[no-any-return]


def _texts(column: "pa.ChunkedArray") -> "pa.Array":
    import pyarrow as pa

    return flat(column).cast(pa.string())
