"""Categories of rows: what balance caps and what a sample keeps in proportion."""

from typing import TYPE_CHECKING, Any

from teleprompt.config.curation import BY_OUTCOME
from teleprompt.traces._facts import OUTCOME
from teleprompt.traces.grouping import codes

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    Integers = np.ndarray[Any, np.dtype[np.int64]]
    Floats = np.ndarray[Any, np.dtype[np.float64]]

BINS = 5


def strata(facts: "pa.Table", by: str) -> "Integers":
    """The category of each row as a number from 0; -1 is none.

    `by` is a column of the facts, or `outcome`: then it is the fifth in which the first outcome metric lies.
    """
    if by == BY_OUTCOME:
        return quantile_bins(first_outcome(facts))
    return codes(facts[by].combine_chunks())


def first_outcome(facts: "pa.Table") -> "Floats":
    """The values of the first outcome metric; NaN where there is none."""
    column = next(name for name in facts.column_names if name.startswith(OUTCOME))
    values: Floats = facts[column].to_numpy().astype(float)
    return values


def quantile_bins(values: "Floats", bins: int = BINS) -> "Integers":
    """The bin of each value, -1 for NaN: bins of equal size, or one for each value where there are no more than `bins`.

    Equal values are in one bin, so that bins differ in size where there are many ties.
    """
    import numpy as np

    found = np.full(len(values), -1, dtype=np.int64)
    known = ~np.isnan(values)
    distinct, place = np.unique(values[known], return_inverse=True)
    if len(distinct) > bins:
        edges = np.quantile(values[known], np.arange(1, bins) / bins)
        place = np.searchsorted(edges, values[known], side="right")
    found[known] = place
    return found
