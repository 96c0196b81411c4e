"""Which address stands for a contributor's id, and whose each call is.

Who used an id first holds it. The address that `attribution.wallets` of the program file names stands for an id, else
that of the earliest call that is known. Where that call named none, no later call brings one: whoever logs a call under
another's id with an address of his own does not become the payee, nor does he take the payee's pay away. Such a call is
disputed, and only its own part is held back.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from teleprompt.traces.first_use import FirstUse
from teleprompt.traces.row import TraceRow

Wallets = Mapping[str, tuple[str, ...]]
"""By id: the address that is paid, then others whose calls count as the id's own."""


class CallOwner(NamedTuple):
    """Under whose id a call was logged, and whether that is disputed."""

    contributor_id: str
    is_disputed: bool


def owner_of(row: TraceRow, wallets: Wallets) -> CallOwner:
    """Whose call it is; one with an address that does not stand for its id is disputed."""
    address = row.contributor_address
    return CallOwner(row.contributor_id, address is not None and address not in wallets.get(row.contributor_id, ()))


def earliest(uses: Iterable[FirstUse]) -> dict[str, FirstUse]:
    """The earliest of each id; of calls at one moment the one that comes first."""
    found: dict[str, FirstUse] = {}
    for use in uses:
        known = found.get(use.contributor_id)
        if known is None or use.started_at_ms < known.started_at_ms:
            found[use.contributor_id] = use
    return found


def standing_wallets(first: Mapping[str, FirstUse], *, named: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """The addresses that stand for the ids of `first`; `named` are those of the program file."""
    stand = {own: dict.fromkeys(filter(None, (named.get(own), use.address))) for own, use in sorted(first.items())}
    return {own: tuple(addresses) for own, addresses in stand.items() if addresses}
