"""What each contributor brought, counted from rows."""

from collections import Counter
from typing import TYPE_CHECKING

from teleprompt.records import MILLION
from teleprompt.traces.snapshot import ContributorShare

if TYPE_CHECKING:
    import pyarrow as pa


class ContributorCounts:
    """Counts per contributor, over all parts."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._scores: Counter[str] = Counter()
        self._addresses: dict[str, set[str]] = {}

    def add(self, rows: "pa.Table") -> None:
        """Count scored rows."""
        import pyarrow as pa
        import pyarrow.compute as pc

        score_e6 = pc.round(pc.multiply(rows["score"], MILLION)).cast(pa.int64())
        slim = rows.select(["contributor_id", "contributor_address"]).append_column("score_e6", score_e6)
        grouped = slim.group_by(["contributor_id", "contributor_address"]).aggregate(
            [("score_e6", "sum"), ("score_e6", "count")]
        )
        for row in grouped.to_pylist():
            name = row["contributor_id"]
            self._counts[name] += row["score_e6_count"]
            self._scores[name] += row["score_e6_sum"]
            self._addresses.setdefault(name, set()).update({row["contributor_address"]} - {None})

    def shares(self) -> tuple[ContributorShare, ...]:
        """All contributors, by id."""
        return tuple(
            ContributorShare(
                contributor_id=name,
                addresses=tuple(sorted(self._addresses[name])),
                trace_count=count,
                score_sum_e6=self._scores[name],
            )
            for name, count in sorted(self._counts.items())
        )
