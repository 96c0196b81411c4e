"""What each contributor brought to the attested versions."""

from collections.abc import Callable, Iterator
from datetime import datetime

from teleprompt.attest.codes import RevokedAttestationError
from teleprompt.attest.stored import AttestationStore, StoredAttestation
from teleprompt.attribution.rewards import reward_shares
from teleprompt.config.attribution import Unpayable
from teleprompt.records import Millionths, Record
from teleprompt.window import Window


class Contribution(Record):
    """A contributor's part in one attested version."""

    contributor_id: str
    address: str | None
    quarantine: str | None
    attestation_id: str
    program: str
    window_start: str
    window_end: str
    weight_e6: Millionths
    trace_count: int
    base_units: str
    """Of `total`, if that was divided by this attestation."""


class ContributorLine(Record):
    """A contributor over several attested versions."""

    contributor_id: str
    addresses: tuple[str, ...]
    attestations: int
    trace_count: int
    base_units: str
    """Of one `total` for each attestation."""


def list_contributions(
    store: AttestationStore,
    *,
    total: int,
    window: Window | None = None,
    contributor: str | None = None,
    of: Callable[[StoredAttestation], bool] = lambda _stored: True,
) -> Iterator[Contribution]:
    """The contributions to attestations whose traces began in `window`, newest first; to those that were revoked none.

    `contributor` is an id or an address; `of` says which attestations count.

    Raises:
        UntrustedAttestationError: a stored document is not what was issued here.
        TelepromptError: one is gone.
    """
    for stored in store.list():
        if of(stored) and (window is None or window.start <= datetime.fromisoformat(stored.window_start) < window.end):
            for one in _contributions(store, stored, total):
                if contributor in {None, one.contributor_id, one.address}:
                    yield one


def by_contributor(contributions: Iterator[Contribution]) -> list[ContributorLine]:
    """Each contributor's sums, by id."""
    groups: dict[str, list[Contribution]] = {}
    for one in contributions:
        groups.setdefault(one.contributor_id, []).append(one)
    return [
        ContributorLine(
            contributor_id=name,
            addresses=tuple(sorted({one.address for one in group if one.address})),
            attestations=len(group),
            trace_count=sum(one.trace_count for one in group),
            base_units=str(sum(int(one.base_units) for one in group)),
        )
        for name, group in sorted(groups.items())
    ]


def _contributions(store: AttestationStore, stored: StoredAttestation, total: int) -> Iterator[Contribution]:
    try:
        attestation = store.open_once(stored).attestation
    except RevokedAttestationError:
        return
    unpayable = Unpayable(attestation.credit.unpayable) if attestation.credit else Unpayable.HOLD_BACK
    rewards = reward_shares(attestation.to_dict()["contributors"], total, unpayable=unpayable)
    for person, reward in zip(attestation.contributors, rewards, strict=True):
        yield Contribution(
            contributor_id=person.contributor_id,
            address=person.address,
            quarantine=person.quarantine,
            attestation_id=stored.attestation_id,
            program=stored.program,
            window_start=stored.window_start,
            window_end=stored.window_end,
            weight_e6=round(person.weight * 1e6),
            trace_count=person.trace_count,
            base_units=reward.base_units,
        )
