"""Making a call of a contract exactly once, whatever crashes, gets lost or is reorganised on the way.

A transaction is signed, written into the outbox, and only then sent. Whoever takes the entry up again sends the same
bytes: a second effect is impossible while they may still be mined, since they share a nonce. Another nonce is used only
after the contract refused the old transaction for good, or somebody else used the nonce up in a block that is there to
stay, and the contract still lacks the call's effect. A transaction in a block that was reorganised away has no receipt,
and is sent again.

Of two processes with the same call one signs: a lock lets them do it one after the other. Should the lock be lost, they
sign with the same nonce or the second sees the entry of the first, because each reads the nonce before it reads the
entry again, and writes the entry before it sends.
"""

import logging
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime

from include.teleprompt.chain.node import Fees, Mined, Node
from include.teleprompt.chain.outbox import Attempt, Call, Outbox, Submission
from include.teleprompt.errors import ConfigurationError, TelepromptError, UnsettledError
from include.teleprompt.registry.lock import Lease
from include.teleprompt.signing.signer import Signer

log = logging.getLogger(__name__)

GAS_MARGIN = 1.2
MAX_GAS = 16_777_216
"""No transaction may use more (EIP-7825)."""

RAISE = 1.125
"""Nodes take a replacement whose fees are both a tenth higher."""

GWEI = 10**9


@dataclass(frozen=True)
class Policy:
    """How patient and how generous the sender is."""

    confirmations: int = 12
    finalized: bool = False
    replace_after_seconds: float = 180.0
    timeout_seconds: float = 1800.0
    poll_seconds: float = 3.0
    max_fee_gwei: float | None = None

    @property
    def max_fee(self) -> int | None:
        """In wei."""
        return None if self.max_fee_gwei is None else round(self.max_fee_gwei * GWEI)


@dataclass(frozen=True)
class Terms:
    """What a transaction offers."""

    nonce: int
    fees: Fees
    gas: int


@dataclass(frozen=True)
class Errand:
    """One call of a contract that is to be made once."""

    outbox: Outbox
    build: Callable[[], Call]
    """Composes the call; again where nothing that was sent for it can take effect any more."""
    on_chain: Callable[[], Mined | None]
    """Looks for its effect in the contract: made by a sender whose outbox was lost, or by somebody else."""


@dataclass(frozen=True)
class Sender:
    """Sends for one signer through one node."""

    node: Node
    signer: Signer
    policy: Policy
    lock: Callable[[], AbstractContextManager[Lease]]
    """Held while a nonce is taken: one owner per key, wherever the processes run."""

    def deliver(self, errand: Errand) -> Mined:
        """Make the call, once, and wait until it is there to stay.

        Raises:
            UnsettledError: it took too long; asking again goes on from there.
            RevertedError: the contract refuses the call.
            ChainUnavailableError: the node does not answer.
        """
        ends = time.monotonic() + self.policy.timeout_seconds
        while True:
            submission = errand.outbox.load()
            if submission is not None:
                self._check_sender(submission)
                if submission.mined is not None:
                    return submission.mined
            mined = self._mined(submission) or self._push(errand, submission)
            if mined is not None and self._is_settled(mined):
                if submission is None or not submission.sent(mined.tx_hash):
                    log.info("It was done by %s, which is none of ours.", mined.tx_hash)
                    return mined
                self._write_down(errand.outbox, mined)
                if mined.succeeded:
                    return mined
                self._check_refusal(errand, submission.call, mined)
            if time.monotonic() > ends:
                raise UnsettledError(mined.tx_hash if mined else _last_hash(errand.outbox.load()))
            time.sleep(self.policy.poll_seconds)

    def _check_sender(self, submission: Submission) -> None:
        if submission.call.sender != self.signer.address:
            raise ConfigurationError(
                f"This was begun by {submission.call.sender}, and the signer is {self.signer.address} now; "
                "go on with the first one until this is done."
            )

    def _mined(self, submission: Submission | None) -> Mined | None:
        """Of the transactions that may take effect, the one that is in a block now."""
        for attempt in reversed(submission.live if submission else ()):
            mined = self.node.mined(attempt.tx_hash)
            if mined is not None:
                return mined
        return None

    def _is_settled(self, mined: Mined) -> bool:
        return mined.block_number <= self._settled_block()

    def _settled_block(self) -> int:
        """The newest block that is there to stay."""
        if self.policy.finalized:
            return self.node.finalized()
        return self.node.head() - self.policy.confirmations + 1

    def _check_refusal(self, errand: Errand, call: Call, mined: Mined) -> None:
        """Say why a transaction had no effect, unless somebody else had made it."""
        if errand.on_chain() is not None:
            return
        self.node.call(call.to, call.data, sender=call.sender)  # says why, if it still does
        raise TelepromptError(
            f"The transaction {mined.tx_hash} was refused by the contract, which would take it now; try again."
        )

    def _write_down(self, outbox: Outbox, mined: Mined) -> None:
        """Add what became of a transaction to the entry as it stands now."""
        with self.lock() as lease:
            entry = outbox.load()
            if entry is not None:
                became = {"mined": mined} if mined.succeeded else {"reverted": (*entry.reverted, mined.tx_hash)}
                lease.check()
                outbox.save(entry.model_copy(update=became))

    def _push(self, errand: Errand, submission: Submission | None) -> Mined | None:
        """Get a transaction into a block: the first, the same again, a dearer one, or one with another nonce.

        Returns what somebody else did instead, if that is the case.
        """
        last = submission.live[-1] if submission and submission.live else None
        if submission is None or last is None:
            return self._begin(errand, submission)
        sender = submission.call.sender
        if self.node.nonce(sender, "latest") > last.nonce:
            settled = max(0, self._settled_block())
            if self.node.nonce(sender, settled) <= last.nonce or self._mined(submission) is not None:
                return None  # it is used in a block that may still go away, or by ours since we looked
            log.warning("The nonce %d of %s was used by another transaction.", last.nonce, sender)
            return self._begin(errand, submission)
        waited = (datetime.now(UTC) - last.made_at).total_seconds()
        dearer = self._dearer(last.fees) if waited > self.policy.replace_after_seconds else None
        if dearer is None:
            self.node.send(last.raw)
            return None
        log.warning("%s is in no block after %.0f seconds; it is replaced.", last.tx_hash, waited)
        with self.lock() as lease:
            self._send(errand.outbox, submission, submission.call, Terms(last.nonce, dearer, last.gas), lease)
        return None

    def _begin(self, errand: Errand, submission: Submission | None) -> Mined | None:
        """The call with a new nonce, composed anew: nothing that was sent for it can take effect any more."""
        found = errand.on_chain()
        if found is not None:
            return found
        with self.lock() as lease:
            call = errand.build()
            gas, fees = self._gas(call), self._fees()
            nonce = self.node.nonce(call.sender, "pending")
            self._send(errand.outbox, submission, call, Terms(nonce, fees, gas), lease)
        return None

    def _send(self, outbox: Outbox, before: Submission | None, call: Call, terms: Terms, lease: Lease) -> None:
        """Sign, write down, send; nothing of it if another process was faster."""
        if outbox.load() != before:
            return
        attempt = self._sign(call, terms)
        kept = before or Submission(call=call, attempts=())
        lease.check()
        outbox.save(kept.model_copy(update={"call": call, "attempts": (*kept.attempts, attempt)}))
        self.node.send(attempt.raw)

    def _fees(self) -> Fees:
        fees, most = self.node.fees(), self.policy.max_fee
        if most is None or fees.max_fee <= most:
            return fees
        return Fees(max_fee=most, priority_fee=min(fees.priority_fee, most))

    def _dearer(self, before: Fees) -> Fees | None:
        """Fees that replace a transaction with `before`; None where the policy does not allow so much."""
        market = self.node.fees()
        fees = Fees(
            max_fee=max(market.max_fee, int(before.max_fee * RAISE) + 1),
            priority_fee=max(market.priority_fee, int(before.priority_fee * RAISE) + 1),
        )
        most = self.policy.max_fee
        return fees if most is None or fees.max_fee <= most else None

    def _gas(self, call: Call) -> int:
        """What the call may use.

        Raises:
            RevertedError: the contract refuses it.
            TelepromptError: it does not fit into a transaction.
        """
        gas = round(self.node.estimate_gas(call.to, call.data, sender=call.sender) * GAS_MARGIN)
        if gas > MAX_GAS:
            raise TelepromptError(
                f"The call takes {gas} gas, more than the {MAX_GAS} that fit into one transaction; credit fewer "
                "contributors on the chain, or pay them by the tree of `teleprompt rewards --tree`."
            )
        return gas

    def _sign(self, call: Call, terms: Terms) -> Attempt:
        """A signed transaction (EIP-1559)."""
        from eth_account.typed_transactions.typed_transaction import TypedTransaction
        from eth_utils.crypto import keccak

        unsigned = {
            "type": 2,
            "chainId": call.chain_id,
            "nonce": terms.nonce,
            "to": call.to,
            "value": 0,
            "data": call.data,
            "gas": terms.gas,
            "maxFeePerGas": terms.fees.max_fee,
            "maxPriorityFeePerGas": terms.fees.priority_fee,
            "accessList": [],
        }
        signature = self.signer.sign(bytes(TypedTransaction.from_dict(unsigned).hash()))
        r, s, parity = int.from_bytes(signature[:32]), int.from_bytes(signature[32:64]), signature[64] - 27
        raw = TypedTransaction.from_dict({**unsigned, "v": parity, "r": r, "s": s}).encode()
        return Attempt(
            nonce=terms.nonce,
            fees=terms.fees,
            gas=terms.gas,
            raw=f"0x{raw.hex()}",
            tx_hash=f"0x{keccak(raw).hex()}",
            made_at=datetime.now(UTC),
        )


def _last_hash(submission: Submission | None) -> str | None:
    return submission.attempts[-1].tx_hash if submission else None
