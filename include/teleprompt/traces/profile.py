"""What a snapshot is made of, in numbers: for people who look at it and for scripts."""

import io
from collections import Counter
from typing import TYPE_CHECKING

from teleprompt.records import MILLION, Record
from teleprompt.storage.blobs import get_blob
from teleprompt.traces.funnel import FunnelStep
from teleprompt.traces.leakage import Leakage
from teleprompt.traces.snapshot import Snapshot, read_outcomes
from teleprompt.traces.split import Part
from teleprompt.window import Window

if TYPE_CHECKING:
    import pyarrow as pa

BINS = 20
EXAMPLES = 3
"""Quarantined traces that are named for each reason."""


class Example(Record):
    """A quarantined trace."""

    trace_id: str
    raw: str
    """As it was logged, as JSON."""


class Profile(Record):
    """The shape of a snapshot."""

    program: str
    window: Window
    funnel: tuple[FunnelStep, ...]
    usable: int
    good: int
    """Usable traces that reach the quality score."""
    parts: dict[Part, int]
    leakage: Leakage
    imputed: int
    scores: tuple[int, ...]
    """Usable traces by score, in twenty equal steps from 0 to 1; a score of 1 is in the last."""
    days: dict[str, int]
    """Usable traces by UTC day of their start."""
    contributors: dict[str, int]
    """Usable traces by contributor, the largest first."""
    quarantined: dict[str, int]
    examples: dict[str, tuple[Example, ...]]
    """Of each reason, the first traces."""
    instead: str | None = None
    """What there is in place of usable traces, and what to correct; None where that is not known."""


def profile_of(snapshot: Snapshot, *, good_from: float, instead: str | None = None) -> Profile:
    """The profile of a snapshot; `good_from` is the quality score, `instead` what was found in place of calls."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    rows = pa.concat_tables([read_outcomes(part) for part in snapshot.parts.values()])
    scores = rows["score"].to_numpy()
    days = Counter(pc.strftime(rows["started_at"], format="%Y-%m-%d").to_pylist())
    # In integers: 0.15 and its like lie just below the edge that they are, or above it, as floats.
    counts = np.bincount(np.minimum(np.rint(scores * MILLION).astype(int) * BINS // MILLION, BINS - 1), minlength=BINS)
    people = Counter({share.contributor_id: share.trace_count for share in snapshot.contributors})
    return Profile(
        program=snapshot.program,
        window=snapshot.window,
        funnel=snapshot.funnel,
        usable=snapshot.trace_count,
        good=int((scores >= good_from).sum()),
        parts={part: stored.rows for part, stored in snapshot.parts.items()},
        leakage=snapshot.leakage,
        imputed=snapshot.imputed,
        scores=tuple(int(count) for count in counts),
        days=dict(sorted(days.items())),
        contributors=dict(people.most_common()),
        quarantined=dict(Counter(snapshot.quarantined).most_common()),
        examples=_examples(snapshot),
        instead=instead,
    )


def _examples(snapshot: Snapshot) -> dict[str, tuple[Example, ...]]:
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    aside: pa.Table = pq.read_table(io.BytesIO(get_blob(snapshot.quarantine)))
    found = {}
    for reason in sorted(snapshot.quarantined):
        first = aside.filter(pc.equal(aside["reason"], reason)).slice(0, EXAMPLES).to_pylist()
        found[reason] = tuple(Example(trace_id=row["trace_id"], raw=row["raw"]) for row in first)
    return found
