"""The steps themselves: each says of every row whether it stays."""

import hashlib
from typing import TYPE_CHECKING, Any

from teleprompt.config.curation import (
    BalanceStep,
    BurstsStep,
    CurationStep,
    DuplicatesStep,
    NearDuplicatesStep,
    OutliersStep,
    QualityStep,
)
from teleprompt.records import to_millionths
from teleprompt.traces._validate import Reason
from teleprompt.traces.curation._outliers import distances
from teleprompt.traces.curation._strata import first_outcome, strata
from teleprompt.traces.similarity import earlier_alike

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    Mask = np.ndarray[Any, np.dtype[np.bool_]]
    Integers = np.ndarray[Any, np.dtype[np.int64]]

HOUR_MS = 3_600_000

REASONS: dict[str, Reason] = {
    "duplicates": Reason.DUPLICATE,
    "near_duplicates": Reason.NEAR_DUPLICATE,
    "outliers": Reason.OUTLIER,
    "contributor_bursts": Reason.CONTRIBUTOR_BURST,
    "quality": Reason.LOW_QUALITY,
    "balance": Reason.OVER_CAP,
}


def kept(step: CurationStep, facts: "pa.Table") -> "Mask":
    """Which rows a step before the split keeps; rows are in time order."""
    match step:
        case DuplicatesStep():
            return _first_of_each(facts["content"])
        case NearDuplicatesStep():
            return _without_near_duplicates(facts, step)
        case OutliersStep():
            return _without_outliers(facts, step)
        case BurstsStep():
            return _without_bursts(facts, step)
    raise TypeError(f"{step.step} is no step before the split")


def kept_for_training(step: QualityStep | BalanceStep, facts: "pa.Table", score_e6: "Integers", *, seed: int) -> "Mask":
    """Which rows of the train part stay in it."""
    match step:
        case QualityStep():
            mask: Mask = score_e6 >= to_millionths(step.min_score)
            return mask
        case BalanceStep():
            return _balanced(facts, step, seed=seed)


def _first_of_each(column: "pa.ChunkedArray") -> "Mask":
    import numpy as np
    import pyarrow as pa

    rows = pa.table({"key": column, "row": np.arange(len(column))})
    mask = np.zeros(len(column), dtype=bool)
    mask[rows.group_by("key").aggregate([("row", "min")])["row_min"].to_numpy()] = True
    return mask


def _without_near_duplicates(facts: "pa.Table", step: NearDuplicatesStep) -> "Mask":
    import numpy as np

    mask = np.ones(len(facts), dtype=bool)
    for row, _earlier in earlier_alike(facts["near_content"], threshold=step.threshold):
        mask[row] = False
    return mask


def _without_outliers(facts: "pa.Table", step: OutliersStep) -> "Mask":
    import numpy as np

    mask = np.ones(len(facts), dtype=bool)
    for name in step.of:
        if name == "outcome":
            values = first_outcome(facts)
        else:
            values = facts["latency_ms" if name == "latency" else name].to_numpy().astype(float)
            values = np.log1p(np.maximum(values, 0))
        mask &= ~(distances(values, method=step.method) > step.limit)
    return mask


def _without_bursts(facts: "pa.Table", step: BurstsStep) -> "Mask":
    import numpy as np

    if not len(facts):
        return np.ones(0, dtype=bool)
    hours = facts["started_at_ms"].to_numpy() // HOUR_MS
    who = facts["contributor"].combine_chunks().indices.to_numpy()
    _, bucket, sizes = np.unique(np.stack([who, hours]), axis=1, return_inverse=True, return_counts=True)
    burst = (distances(sizes.astype(float), method="robust_z") > step.limit) & (sizes > step.least)
    mask: Mask = ~(burst & (sizes > np.median(sizes)))[bucket]
    return mask


def _balanced(facts: "pa.Table", step: BalanceStep, *, seed: int) -> "Mask":
    """At most so many of each key: those whose seeded hash comes first."""
    import numpy as np

    keys = strata(facts, step.by)
    most = step.most if step.most is not None else max(1, int((step.share or 0) * len(facts)))
    lots = np.array(
        [
            int.from_bytes(hashlib.blake2b(content, digest_size=8, key=str(seed).encode()).digest())
            for content in facts["content"].to_pylist()
        ],
        dtype=np.uint64,
    )
    order = np.lexsort((np.arange(len(keys)), lots, keys))
    ranks = np.empty(len(keys), dtype=np.int64)
    starts = np.r_[0, np.flatnonzero(np.diff(keys[order])) + 1]
    ranks[order] = np.arange(len(keys)) - np.repeat(starts, np.diff(np.r_[starts, len(keys)]))
    mask: Mask = (ranks < most) | (keys < 0)  # what belongs to none is not one of them
    return mask
