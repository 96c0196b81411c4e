"""Each contributor's weight, by the number of distinct traces that were used."""

from collections.abc import Iterable, Sequence

from include.teleprompt.attribution.apportion import largest_remainder
from include.teleprompt.records import MILLION, Record
from include.teleprompt.traces.snapshot import ContributorShare

WEIGHTING_METHOD = "deduplicated_count"


class ContributorWeight(Record):
    """A contributor's part; the weights of a run sum to one million."""

    contributor_id: str
    address: str | None
    """None where no address, or more than one, was given: credited, but not payable."""
    weight_e6: int
    trace_count: int
    avg_score_e6: int


def contributor_weights(contributors: Iterable[ContributorShare]) -> tuple[ContributorWeight, ...]:
    """Weights in proportion to trace counts, largest remainder, ties by address.

    Contributors who name the same single address are one: they stand under the first of their ids.
    """
    merged = _by_address(contributors)
    if not merged:
        return ()
    payable = [share.addresses[0] if len(share.addresses) == 1 else None for share in merged]
    counted = zip(merged, payable, strict=True)
    weights = count_weights([(share.contributor_id, address, share.trace_count) for share, address in counted])
    return tuple(
        ContributorWeight(
            contributor_id=share.contributor_id,
            address=address,
            weight_e6=weight,
            trace_count=share.trace_count,
            avg_score_e6=share.score_sum_e6 // share.trace_count,
        )
        for share, address, weight in zip(merged, payable, weights, strict=True)
    )


def count_weights(contributors: Sequence[tuple[str, str | None, int]]) -> list[int]:
    """Millionths for each (id, address, trace count), in proportion to the counts."""
    return largest_remainder(
        MILLION,
        [count for _, _, count in contributors],
        tie_break=[f"{(address or '').lower()}|{contributor_id}" for contributor_id, address, _ in contributors],
    )


def _by_address(contributors: Iterable[ContributorShare]) -> list[ContributorShare]:
    merged: dict[str, ContributorShare] = {}
    for share in sorted(contributors, key=lambda share: share.contributor_id):
        key = share.addresses[0] if len(share.addresses) == 1 else f"id:{share.contributor_id}"
        if key in merged:
            first = merged[key]
            merged[key] = first.model_copy(
                update={
                    "trace_count": first.trace_count + share.trace_count,
                    "score_sum_e6": first.score_sum_e6 + share.score_sum_e6,
                }
            )
        else:
            merged[key] = share
    return list(merged.values())
