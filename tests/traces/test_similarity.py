"""Near duplicates are joined as by all of their pairs, in time that does not grow with the square of their number."""

from itertools import combinations

import numpy as np
import pyarrow as pa
import pytest

from teleprompt.traces.grouping import components
from teleprompt.traces.similarity import _matrix, links, signatures

THRESHOLD = 0.8
LONG = [f"word{i}" for i in range(60)]


def variants(count: int) -> list[str]:
    """Texts that drift: each differs from the next by two words, and the first from the last in most."""
    return [" ".join([*(f"other{i}" for i in range(2 * n)), *LONG[2 * n :]]) for n in range(count)]


def names(rows: int, pairs: list[tuple[int, int]]) -> list[frozenset[int]]:
    """Which rows each row is joined with."""
    found = components([[f"{row:06}"] for row in range(rows)], pairs)
    return [frozenset(other for other in range(rows) if found[other] == own) for own in found]


@pytest.mark.parametrize("seed", range(5))
def test_links_join_what_all_pairs_would(seed: int) -> None:
    texts = [*variants(20), *variants(5), *(f"order {i} " + " ".join(LONG) for i in range(20)), "something else"]
    texts = [texts[i] for i in np.random.default_rng(seed).permutation(len(texts))]
    column = signatures(pa.array(texts))
    matrix = _matrix(column)
    pairs = [(b, a) for a, b in combinations(range(len(texts)), 2) if (matrix[a] == matrix[b]).mean() >= THRESHOLD]
    found = list(links(column, threshold=THRESHOLD))
    assert names(len(texts), found) == names(len(texts), pairs)
    assert all((matrix[a] == matrix[b]).mean() >= THRESHOLD for a, b in found)


@pytest.mark.parametrize("texts", [[" ".join(LONG)] * 500, [f"{' '.join(LONG)} order {i}" for i in range(500)]])
def test_rows_that_are_all_alike_need_one_link_each(texts: list[str]) -> None:
    assert len(list(links(signatures(pa.array(texts)), threshold=THRESHOLD))) == len(texts) - 1
