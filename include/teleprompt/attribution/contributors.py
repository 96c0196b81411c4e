"""Who is one contributor, and who cannot be paid."""

from collections.abc import Iterable
from enum import StrEnum

from teleprompt.attribution.wallets import CallOwner, Wallets, owner_of
from teleprompt.encoding.canonical_json import sha256_hex
from teleprompt.records import MAX_IDENTIFIER, Record
from teleprompt.traces.row import TraceRow


class Quarantine(StrEnum):
    """Why a contributor is credited but not paid."""

    NO_ADDRESS = "no_address"
    ADDRESS_CONFLICT = "address_conflict"
    """The calls under an id with an address that does not stand for it."""


class Contributor(Record):
    """One contributor, under the first of the ids that one address stands for; or the disputed calls of one id."""

    contributor_id: str
    owners: tuple[CallOwner, ...]
    address: str | None
    quarantine: Quarantine | None
    """Set exactly where there is no address."""
    trace_count: int
    score_sum_e6: int

    @property
    def tie_break(self) -> str:
        """Orders contributors of equal parts, whatever their names."""
        return f"{(self.address or '').lower()}|{self.contributor_id}"


def contributors_of(rows: Iterable[TraceRow], wallets: Wallets) -> tuple[Contributor, ...]:
    """The contributors of `rows`: ids that one address stands for are one, those without one are each their own."""
    by_owner: dict[CallOwner, list[TraceRow]] = {}
    for row in rows:
        by_owner.setdefault(owner_of(row, wallets), []).append(row)
    groups: dict[tuple[str, ...], list[CallOwner]] = {}
    for owner in sorted(by_owner):
        stands = () if owner.is_disputed else wallets.get(owner.contributor_id, ())
        groups.setdefault(stands[:1] or (owner.contributor_id, str(owner.is_disputed)), []).append(owner)
    taken = {owner.contributor_id for owner in by_owner}
    return tuple(
        _one(owners, [row for owner in owners for row in by_owner[owner]], wallets, taken) for owners in groups.values()
    )


def _one(owners: list[CallOwner], rows: list[TraceRow], wallets: Wallets, taken: set[str]) -> Contributor:
    own, disputed = owners[0]
    stands = () if disputed else wallets.get(own, ())
    return Contributor(
        contributor_id=_name_of_disputed(own, taken) if disputed else own,
        owners=tuple(owners),
        address=stands[0] if stands else None,
        quarantine=None if stands else Quarantine.ADDRESS_CONFLICT if disputed else Quarantine.NO_ADDRESS,
        trace_count=len(rows),
        score_sum_e6=sum(row.score_e6 for row in rows),
    )


def _name_of_disputed(own: str, taken: set[str]) -> str:
    """A name that nobody bears: `alice (disputed)`, or with a digest of the id where that is taken or too long."""
    suffix, n = " (disputed)", 0
    name = own + suffix
    while name in taken or len(name) > MAX_IDENTIFIER:
        unique = f" {sha256_hex(f'{own} {n}'.encode())[:8]}{suffix}"
        name, n = own[: MAX_IDENTIFIER - len(unique)] + unique, n + 1
    taken.add(name)
    return name
