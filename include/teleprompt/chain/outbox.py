"""What is on its way to the chain, written down before it is sent."""

import logging
from datetime import datetime

from pydantic import AwareDatetime

from teleprompt.chain._fees import Fees
from teleprompt.chain.node import Mined
from teleprompt.config.chain import ChainConfig
from teleprompt.errors import TelepromptError
from teleprompt.records import Digest, Record
from teleprompt.storage.blobs import list_notes, read_note, write_note

log = logging.getLogger(__name__)

FOLDER = "outbox"


class Call(Record):
    """A call of a contract, to be made once."""

    chain_id: int
    sender: str
    to: str
    data: str


class Attempt(Record):
    """One signed transaction that makes the call; the same bytes are sent however often."""

    nonce: int
    fees: Fees
    gas: int
    raw: str
    tx_hash: str
    made_at: AwareDatetime


class Submission(Record):
    """A call and all transactions that were ever signed for it. At most one of them can take effect: each has the nonce
    of the one before, or another one after a final block had shown what else used that nonce up."""

    call: Call
    """As it was composed last."""
    attempts: tuple[Attempt, ...]
    reverted: tuple[str, ...] = ()
    """Hashes of those that the contract refused for good: they had no effect."""
    used_up: int = 0
    """The most gas that one of them was given and that was not enough."""
    lost_nonces: tuple[int, ...] = ()
    """Used up, in a final block, by a transaction that is none of these."""
    mined: Mined | None = None
    """The one that is confirmed."""

    @property
    def live(self) -> tuple[Attempt, ...]:
        """The transactions that may still take effect, or did; those whose nonce is used up can't."""
        used = {attempt.nonce for attempt in self.attempts if attempt.tx_hash in self.reverted} | {*self.lost_nonces}
        return tuple(attempt for attempt in self.attempts if attempt.nonce not in used)

    @property
    def spent(self) -> int:
        """What the refused ones cost at most, in wei."""
        return sum(each.gas * each.fees.max_fee for each in self.attempts if each.tx_hash in self.reverted)

    def find(self, tx_hash: str) -> Attempt | None:
        """The transaction with that hash, if it is one of these."""
        return next((attempt for attempt in self.attempts if attempt.tx_hash == tx_hash), None)


class Outbox:
    """The entry of one submission, kept in the storage whole or not at all; `key` says what makes it the same one."""

    def __init__(self, storage_uri: str, key: Digest) -> None:
        self._storage_uri = storage_uri
        self.key = key

    def load(self) -> Submission | None:
        """The entry, or None.

        Raises:
            TelepromptError: it is not readable, and until it is nothing may be sent.
        """
        text = read_note(self._storage_uri, self._name)
        try:
            return None if text is None else Submission.from_stored(text)
        except ValueError as error:
            raise TelepromptError(
                f"The outbox entry {self._name} cannot be read; restore it from the storage's backup before anything "
                "is sent, for it says what was sent already."
            ) from error

    def save(self, submission: Submission) -> None:
        """Keep the entry in place of what was there."""
        write_note(self._storage_uri, self._name, submission.to_stored(indent=1))

    def signed_nonces(self, *, chain_id: int, sender: str) -> frozenset[int]:
        """The sender's nonces that any entry has a transaction of; what cannot be read is left out, with a warning."""
        entries = (_load(Outbox(self._storage_uri, key)) for key in _keys(self._storage_uri))
        return frozenset(
            attempt.nonce
            for entry in entries
            if entry is not None and (entry.call.chain_id, entry.call.sender) == (chain_id, sender)
            for attempt in entry.attempts
        )

    @property
    def _name(self) -> str:
        return f"{FOLDER}/{self.key}.json"


def waiting_since(storage_uri: str, chain: ChainConfig | None = None) -> dict[Digest, datetime]:
    """Of entries that were sent and are not confirmed: when they were sent first, by key.

    With `chain` only those for the contracts that it names. What cannot be read is left out, with a warning: it stops
    what is sent, not those who look.
    """
    places = None if chain is None else {(chain.chain_id, address.lower()) for address in chain.contracts}
    entries = {key: _load(Outbox(storage_uri, key)) for key in _keys(storage_uri)}
    return {
        key: min(attempt.made_at for attempt in entry.live)
        for key, entry in entries.items()
        if entry is not None
        and entry.mined is None
        and entry.live
        and (places is None or (entry.call.chain_id, entry.call.to.lower()) in places)
    }


def _keys(storage_uri: str) -> list[Digest]:
    return [name.removesuffix(".json") for name in list_notes(storage_uri, FOLDER)]


def _load(outbox: Outbox) -> Submission | None:
    try:
        return outbox.load()
    except TelepromptError as error:
        log.warning("%s", error)
        return None
