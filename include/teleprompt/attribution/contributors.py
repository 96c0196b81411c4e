"""Who is one contributor, and who cannot be paid."""

from collections.abc import Iterable
from enum import StrEnum

from include.teleprompt.records import Record
from include.teleprompt.traces.snapshot import ContributorShare


class Quarantine(StrEnum):
    """Why a contributor is credited but not paid."""

    NO_ADDRESS = "no_address"
    ADDRESS_CONFLICT = "address_conflict"


class Contributor(Record):
    """One contributor to a snapshot, under the first of the ids that name the same single address."""

    contributor_id: str
    ids: tuple[str, ...]
    """All of them, sorted."""
    address: str | None
    quarantine: Quarantine | None
    """Set exactly where there is no address."""
    trace_count: int
    score_sum_e6: int

    @property
    def tie_break(self) -> str:
        """Orders contributors of equal claims, whatever their names."""
        return f"{(self.address or '').lower()}|{self.contributor_id}"


def merge_contributors(shares: Iterable[ContributorShare]) -> tuple[Contributor, ...]:
    """The contributors: ids with the same single address are one; those without one are each their own."""
    groups: dict[str, list[ContributorShare]] = {}
    for share in sorted(shares, key=lambda share: share.contributor_id):
        key = share.addresses[0] if len(share.addresses) == 1 else f"id:{share.contributor_id}"
        groups.setdefault(key, []).append(share)
    return tuple(_one(group) for group in groups.values())


def _one(group: list[ContributorShare]) -> Contributor:
    first = group[0]
    payable = len(first.addresses) == 1
    return Contributor(
        contributor_id=first.contributor_id,
        ids=tuple(share.contributor_id for share in group),
        address=first.addresses[0] if payable else None,
        quarantine=None if payable else Quarantine.ADDRESS_CONFLICT if first.addresses else Quarantine.NO_ADDRESS,
        trace_count=sum(share.trace_count for share in group),
        score_sum_e6=sum(share.score_sum_e6 for share in group),
    )
