"""The people whose data the traffic is."""

import random
from dataclasses import dataclass

from eth_utils import keccak

from teleprompt.encoding.addresses import checksum_address


@dataclass(frozen=True)
class TrafficContributor:
    """An id and the address that is logged with it."""

    contributor_id: str
    address: str | None


def _person(name: str) -> TrafficContributor:
    return TrafficContributor(name, checksum_address("0x" + keccak(text=name)[-20:].hex()))


_PEOPLE = [*map(_person, ("alice", "bob", "chandra", "dmitri", "emeka")), TrafficContributor("walk-in", None)]
_SHARES = [40, 25, 15, 10, 6, 4]


def draw_contributor(rng: random.Random) -> TrafficContributor:
    """One of them, the busy ones more often."""
    return rng.choices(_PEOPLE, _SHARES)[0]
