"""Near duplicates: MinHash signatures (Broder 1997), found by bands (Leskovec et al. 2020, 3.4)."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

PERMUTATIONS = 64
SEED = 20_250_106
SHINGLE = 3
"""Words in a sequence, unless said otherwise."""

STEEP_FROM = 0.85
"""From this threshold on bands of eight values still find 98 of 100 pairs; below it bands of four do."""

LIKENESS = 4
"""Numbers of a signature that near duplicates mostly share and others mostly do not: of two texts that have half of
their sequences in common, one pair in sixteen."""

MOST_CANDIDATES = 200
"""Earlier rows of one band that are compared at most; beyond, likeness may go unseen."""


def signatures(texts: "pa.Array", *, words: int = SHINGLE) -> "pa.Array":
    """A signature of 64 numbers per normalised text, over its sequences of so many words."""
    import pyarrow as pa
    from rensa import RMinHash

    shingles = [_shingles(text, words) for text in texts.to_pylist()]
    numbers = RMinHash.digests_from_token_sets(shingles, PERMUTATIONS, SEED)
    flat = pa.array([number for signature in numbers for number in signature], pa.uint32())
    return pa.FixedSizeListArray.from_arrays(flat, PERMUTATIONS)


def earlier_alike(column: "pa.Array", *, threshold: float) -> Iterator[tuple[int, int]]:
    """Rows that are like an earlier one, with that; as far as they share a band.

    A row that has such an earlier row is no earlier row for others: of `a`, `b` like `a`, and `c` like `b` only, `c`
    has none.
    """
    matrix = _matrix(column)
    rows_per_band = 8 if threshold >= STEEP_FROM else 4
    bands: list[dict[bytes, list[int]]] = [{} for _ in range(PERMUTATIONS // rows_per_band)]
    for row, signature in enumerate(matrix):
        keys = [signature[i * rows_per_band : (i + 1) * rows_per_band].tobytes() for i in range(len(bands))]
        candidates = (earlier for band, key in zip(bands, keys, strict=True) for earlier in band.get(key, ()))
        alike = next((one for one in candidates if (matrix[one] == signature).mean() >= threshold), None)
        if alike is not None:
            yield row, alike
            continue
        for band, key in zip(bands, keys, strict=True):
            there = band.setdefault(key, [])
            if len(there) < MOST_CANDIDATES:
                there.append(row)


def links(column: "pa.Array", *, threshold: float) -> Iterator[tuple[int, int]]:
    """Pairs (row, earlier row) that join near duplicates, directly or through others, as all of their pairs would.

    Rows with one signature are linked to the first of them. Of a band's rows that are joined already one link is
    enough, so that time does not grow with the square of how many are alike.
    """
    matrix = _matrix(column)
    rows_per_band = 8 if threshold >= STEEP_FROM else 4
    bands: list[dict[bytes, dict[int, list[int]]]] = [{} for _ in range(PERMUTATIONS // rows_per_band)]
    """Of each band, by what its rows have in common: the rows, by the one that stood for what they were joined to."""
    first_of: dict[bytes, int] = {}
    parent = list(range(len(matrix)))

    def root(row: int) -> int:
        while parent[row] != row:
            parent[row] = row = parent[parent[row]]
        return row

    for row, signature in enumerate(matrix):
        first = first_of.setdefault(signature.tobytes(), row)
        if first != row:
            yield row, first
            continue
        buckets = [
            band.setdefault(signature[i * rows_per_band : (i + 1) * rows_per_band].tobytes(), {})
            for i, band in enumerate(bands)
        ]
        for bucket in buckets:
            for joined, rows in bucket.items():
                if root(joined) != root(row):
                    alike = (matrix[rows] == signature).mean(axis=1) >= threshold
                    if alike.any():
                        yield row, rows[int(alike.argmax())]
                        parent[root(row)] = root(joined)
        for bucket in buckets:
            if sum(len(rows) for rows in bucket.values()) < MOST_CANDIDATES:
                bucket.setdefault(root(row), []).append(row)


def likeness(column: "pa.Array") -> list[str]:
    """Of each signature its first numbers: mostly the same for near duplicates, whichever of them there are."""
    return [row.tobytes().hex() for row in _matrix(column)[:, :LIKENESS]]


def _shingles(text: str, length: int) -> list[str]:
    words = text.split()
    return [" ".join(words[i : i + length]) for i in range(max(1, len(words) - length + 1))]


def _matrix(column: "pa.Array") -> "np.ndarray[Any, np.dtype[np.uint32]]":
    import pyarrow as pa

    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    matrix: np.ndarray[Any, np.dtype[np.uint32]] = array.flatten().to_numpy().reshape(-1, PERMUTATIONS)
    return matrix
