"""Making a call of a contract exactly once, whatever crashes, gets lost, is reorganised or is told wrongly on the way.

A transaction is signed, written into the outbox, and only then sent. Whoever takes the entry up again sends the same
bytes: a second effect is impossible while they may still be mined, since they share a nonce.

Another nonce is used only after a *final* block (confirmed, and finalized where the chain says what is) shows that the
old one is gone: used by somebody else's transaction, or by one of ours that failed and left nothing in the contract's
state. What a node does not show (a receipt, an event, a block) proves nothing: it may be behind. Nor is anything begun
while the signer has a transaction that is not final and in no entry, for it may be the one that is about to be made.
A transaction in a block that was reorganised away has no receipt, and is sent again.

Of two processes with the same call one signs: a lock lets them do it one after the other. Should the lock be lost, they
sign with the same nonce or the second sees the entry of the first, because each reads the nonce before it reads the
entry again, and writes the entry before it sends.
"""

import logging
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from teleprompt.chain._abi import revert_reason
from teleprompt.chain._confirmation import Confirmation
from teleprompt.chain._fees import Limits, Quote, dearer, offer, quote
from teleprompt.chain._nonce import STATE_BLOCKS, used_by
from teleprompt.chain._rpc_errors import RevertedError
from teleprompt.chain._transaction import Terms, sign_transaction
from teleprompt.chain.node import Included, Mined, Node
from teleprompt.chain.outbox import Attempt, Call, Outbox, Submission
from teleprompt.errors import (
    ChainUnavailableError,
    ConfigurationError,
    TelepromptError,
    UnreliableNodeError,
    UnsettledError,
)
from teleprompt.registry.lock import Lease
from teleprompt.signing.signer import Signer

log = logging.getLogger(__name__)

GAS_MARGIN = 1.2
MAX_GAS = 16_777_216
"""No transaction may use more (EIP-7825)."""


@dataclass(frozen=True)
class Policy:
    """How patient and how generous the sender is."""

    confirmation: Confirmation = field(default_factory=Confirmation)
    replace_after_seconds: float = 180.0
    timeout_seconds: float = 1800.0
    poll_seconds: float = 3.0
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True)
class ContractCall:
    """One call of a contract that is to be made once."""

    outbox: Outbox
    build: Callable[[], Call]
    """Composes the call; again where nothing that was sent for it can take effect any more."""
    find: Callable[[], Included | None]
    """Looks for its effect in the contract's events: made by a sender whose outbox was lost, or by somebody else."""
    holds: Callable[[Mined, int], bool]
    """Whether the contract's state after a block holds the effect that a transaction of ours would have had."""
    errors: tuple[str, ...] = ()
    """The contract's own errors, as `Name(type,…)`."""


@dataclass(frozen=True)
class Waiting:
    """The call is not made for good yet, and why not."""

    why: str


@dataclass(frozen=True)
class Sender:
    """Sends for one signer through one node."""

    node: Node
    signer: Signer
    policy: Policy
    lock: Callable[[], AbstractContextManager[Lease]]
    """Held while a nonce is taken: one owner per key, wherever the processes run."""

    def deliver(self, wanted: ContractCall) -> Included:
        """Make the call, once, and wait until it is confirmed.

        Raises:
            UnsettledError: it took too long; asking again goes on from there.
            RevertedError: the contract refuses the call.
            FeeLimitError: it costs more than the program allows.
            ChainUnavailableError: the node does not answer at all.
            ConfigurationError: the node is of another chain now.
        """
        ends = time.monotonic() + self.policy.timeout_seconds
        has_answered = False
        while True:
            try:
                done = self._advance(wanted)
                has_answered = True
            except UnreliableNodeError as error:
                done = Waiting(f"the node cannot be relied on now ({error.what})")
            except ChainUnavailableError as error:
                if not has_answered:
                    raise
                done = Waiting(f"the node answers no more ({error})")
            if isinstance(done, Included):
                return done
            log.debug("Waits: %s.", done.why)
            if time.monotonic() > ends:
                raise UnsettledError(_last_hash(wanted.outbox.load()), done.why)
            time.sleep(self.policy.poll_seconds)

    def quote(self, call: Call) -> Quote:
        """What making the call would cost at most.

        Raises:
            RevertedError: the contract refuses the call.
            FeeLimitError: it costs more than the program allows.
        """
        return quote(self.node.market(), self.policy.limits, gas=self._gas(call))

    def _advance(self, wanted: ContractCall) -> Included | Waiting:
        """One look at the chain, and one step on."""
        submission = wanted.outbox.load()
        if submission is not None:
            self._check_sender(submission)
            if submission.mined is not None and self._is_still_used(submission, submission.mined):
                return submission.mined
        mined = self._mined(submission)
        if submission is None or mined is None:
            found = self._push(wanted, submission)
            return self._if_confirmed(found) if isinstance(found, Included) else found
        settled = self._if_confirmed(mined)
        return settled if isinstance(settled, Waiting) else self._conclude(wanted, submission, mined)

    def _check_sender(self, submission: Submission) -> None:
        if submission.call.sender != self.signer.address:
            raise ConfigurationError(
                f"This was begun by {submission.call.sender}, and the signer is {self.signer.address} now; "
                "go on with the first one until this is done."
            )

    def _is_still_used(self, submission: Submission, mined: Mined) -> bool:
        """False after a reorganisation that was deeper than anybody waited for: then the same bytes are sent again."""
        attempt = submission.find(mined.tx_hash)
        return attempt is None or self.node.nonce(submission.call.sender, "latest") > attempt.nonce

    def _mined(self, submission: Submission | None) -> Mined | None:
        """Of the transactions that may take effect, the one that is in a block now."""
        for attempt in reversed(submission.live if submission else ()):
            mined = self.node.mined(attempt.tx_hash)
            if mined is not None:
                return mined
        return None

    @property
    def _final_block(self) -> int:
        return self.policy.confirmation.final(self.node)

    def _if_confirmed(self, found: Included) -> Included | Waiting:
        if found.block_number > self.policy.confirmation.confirmed(self.node):
            return Waiting(f"its block {found.block_number} has too few confirmations")
        if isinstance(found, Mined):
            block = self.node.block(found.block_number)
            if block is None or block.block_hash != found.block_hash:
                raise UnreliableNodeError(f"the receipt of {found.tx_hash} names a block that is not on the chain")
        return found

    def _conclude(self, wanted: ContractCall, submission: Submission, mined: Mined) -> Included | Waiting:
        """What a transaction of ours came to: its receipt and the contract's state have to say the same."""
        known_from = self.node.head() - STATE_BLOCKS  # a chain may call final what is older
        confirmed = self.policy.confirmation.confirmed(self.node)
        holds = wanted.holds(mined, max(mined.block_number, confirmed, known_from))
        if mined.succeeded and holds:
            self._write_down(wanted.outbox, mined)
            return mined
        if mined.succeeded:
            raise UnreliableNodeError(f"{mined.tx_hash} succeeded, but the contract does not hold what it made")
        if holds:
            found = wanted.find()
            if found is None or submission.find(found.tx_hash):
                raise UnreliableNodeError(f"{mined.tx_hash} failed, but the contract holds what it was to make")
            return self._if_confirmed(found)
        if mined.block_number > self._final_block:
            return Waiting(
                f"{self._why_refused(wanted, submission.call)}, in the block {mined.block_number} that is not final"
            )
        log.warning(
            "%s failed: %s; the call is composed anew.", mined.tx_hash, self._why_refused(wanted, submission.call)
        )
        self._write_down(wanted.outbox, mined)
        return Waiting("it failed, and is to be made anew")

    def _why_refused(self, wanted: ContractCall, call: Call) -> str:
        try:
            self.node.call(call.to, call.data, sender=call.sender)
        except RevertedError as error:
            named = revert_reason(error.data, wanted.errors) if error.data else error.reason
            return f"The contract refuses the call: {named}"
        return "The contract refused the call, which it would take now"

    def _write_down(self, outbox: Outbox, mined: Mined) -> None:
        """Add what became of a transaction to the entry as it stands now."""
        with self.lock() as lease:
            entry = outbox.load()
            if entry is not None:
                became = {"mined": mined} if mined.succeeded else _failed(entry, mined)
                lease.check()
                outbox.save(entry.model_copy(update=became))

    def _push(self, wanted: ContractCall, submission: Submission | None) -> Included | Waiting:
        """Get a transaction into a block: the first, the same again, a dearer one, or one with another nonce.

        Returns what somebody else did instead, if that is the case.
        """
        if submission is None or not submission.live:
            return self._begin(wanted, submission)
        last = submission.live[-1]
        sender = submission.call.sender
        if self.node.nonce(sender, "latest") <= last.nonce:
            return self._send_again(wanted, submission, last)
        used = used_by(self.node, sender, last.nonce)
        if used is None or submission.find(used.tx_hash):
            return Waiting(
                f"the nonce {last.nonce} of {sender} was used, and the node does not say yet what became of it"
            )
        if used.block_number > self._final_block:
            return Waiting(f"{used.tx_hash} took its nonce, in the block {used.block_number} that is not final")
        log.warning("The nonce %d of %s was used by %s, which is none of ours.", last.nonce, sender, used.tx_hash)
        return self._begin(wanted, self._give_up(wanted.outbox, submission, last.nonce))

    def _give_up(self, outbox: Outbox, submission: Submission, nonce: int) -> Submission:
        """Write down that nothing with that nonce can take effect any more; the entry as it stands then."""
        with self.lock() as lease:
            if outbox.load() != submission:
                return submission  # another process was faster, so nothing will be sent
            lost = submission.model_copy(update={"lost_nonces": (*submission.lost_nonces, nonce)})
            lease.check()
            outbox.save(lost)
            return lost

    def _begin(self, wanted: ContractCall, submission: Submission | None) -> Included | Waiting:
        """The call with a new nonce, composed anew: nothing that was sent for it can take effect any more."""
        found = wanted.find()
        if found is not None:
            log.info("It was done by %s, which is in no entry.", found.tx_hash)
            return found
        with self.lock() as lease:
            call = wanted.build()
            gas = self._gas(call, used_up=submission.used_up if submission else 0)
            fees = offer(self.node.market(), self.policy.limits, gas=gas, spent=submission.spent if submission else 0)
            nonce = self.node.nonce(call.sender, "pending")
            unknown = self._unknown_nonces(wanted.outbox, call, nonce)
            if unknown:
                return Waiting(
                    f"{call.sender} has a transaction with nonce {min(unknown)} that is not final and in no entry"
                )
            self._send(wanted.outbox, submission, call, Terms(nonce, fees, gas), lease)
        return Waiting("it was just sent")

    def _unknown_nonces(self, outbox: Outbox, call: Call, following: int) -> set[int]:
        """Nonces below `following` that are neither in a final block nor in an entry: this call's, if one was lost."""
        final = max(self._final_block, self.node.head() - STATE_BLOCKS)
        under_way = range(self.node.nonce(call.sender, final), following)
        return set(under_way) - outbox.signed_nonces(chain_id=call.chain_id, sender=call.sender) if under_way else set()

    def _send_again(self, wanted: ContractCall, submission: Submission, last: Attempt) -> Waiting:
        """The same bytes, or after a while a dearer transaction with the same nonce."""
        waited = (datetime.now(UTC) - last.made_at).total_seconds()
        if waited > self.policy.replace_after_seconds:
            market, limits = self.node.market(), self.policy.limits
            fees = dearer(last.fees, market, limits, gas=last.gas, spent=submission.spent)
            if fees is not None:
                log.warning("%s is in no block after %.0f seconds; it is replaced.", last.tx_hash, waited)
                with self.lock() as lease:
                    self._send(wanted.outbox, submission, submission.call, Terms(last.nonce, fees, last.gas), lease)
                return Waiting("it was just replaced")
            log.debug("%s is in no block after %.0f seconds; the limits allow no higher fee.", last.tx_hash, waited)
        self.node.send(last.raw)
        return Waiting("it is in no block")

    def _send(self, outbox: Outbox, before: Submission | None, call: Call, terms: Terms, lease: Lease) -> None:
        """Sign, write down, send; nothing of it if another process was faster, or on another chain."""
        if outbox.load() != before:
            return
        attempt = self._sign(call, terms)
        kept = before or Submission(call=call, attempts=())
        self.node.check_chain()  # before it is written down that it may be sent
        lease.check()
        outbox.save(kept.model_copy(update={"call": call, "attempts": (*kept.attempts, attempt)}))
        self.node.send(attempt.raw)

    def _gas(self, call: Call, *, used_up: int = 0) -> int:
        """What the call may use: what the node estimates and a fifth more, and twice what was not enough before.

        Raises:
            RevertedError: the contract refuses it.
            TelepromptError: it does not fit into a transaction.
        """
        estimated = round(self.node.estimate_gas(call.to, call.data, sender=call.sender) * GAS_MARGIN)
        if estimated > MAX_GAS or used_up >= MAX_GAS:
            raise TelepromptError(
                f"The call takes {max(estimated, used_up)} gas, and {MAX_GAS} fit into one transaction; credit fewer "
                "contributors on the chain, or pay them by the tree of `teleprompt rewards --tree`."
            )
        return min(max(estimated, 2 * used_up), MAX_GAS)

    def _sign(self, call: Call, terms: Terms) -> Attempt:
        return sign_transaction(call, terms, self.signer)


def _failed(entry: Submission, mined: Mined) -> dict[str, Any]:
    """What a failure changes in the entry. Who ran out of gas used all but the 64th that a call leaves its caller."""
    attempt = entry.find(mined.tx_hash)
    ran_out = attempt is not None and mined.gas_used >= attempt.gas * 63 // 64
    used_up = max(entry.used_up, attempt.gas) if attempt is not None and ran_out else entry.used_up
    return {"reverted": (*entry.reverted, mined.tx_hash), "used_up": used_up}


def _last_hash(submission: Submission | None) -> str | None:
    return submission.attempts[-1].tx_hash if submission else None
