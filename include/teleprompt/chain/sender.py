"""Making a call of a contract exactly once, whatever crashes, gets lost or is reorganised on the way.

A transaction is signed, written into the outbox, and only then sent. Whoever takes the entry up again sends the same
bytes: a second effect is impossible while they may still be mined, since they share a nonce. Another nonce is used only
after the old one was used up by somebody else in a block that is there to stay, and the contract still lacks the call's
effect. A transaction in a block that was reorganised away has no receipt, and is sent again.
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
class Sender:
    """Sends for one signer through one node."""

    node: Node
    signer: Signer
    policy: Policy
    lock: Callable[[], AbstractContextManager[object]]
    """Held while a nonce is taken: one owner per key, wherever the processes run."""

    def deliver(self, outbox: Outbox, build: Callable[[], Call], on_chain: Callable[[], Mined | None]) -> Mined:
        """Make the call that `build` composes, once, and wait until it is there to stay.

        `on_chain` looks for its effect in the contract: made by a sender whose outbox was lost, or by somebody else.

        Raises:
            UnsettledError: it took too long; asking again goes on from there.
            RevertedError: the contract refuses the call.
            ChainUnavailableError: the node does not answer.
        """
        ends = time.monotonic() + self.policy.timeout_seconds
        submission = outbox.load()
        if submission is None:
            found = on_chain()
            if found is not None:
                log.info("It is on the chain already, in %s.", found.tx_hash)
                return self._settled_elsewhere(found, on_chain, ends)
            submission = Submission(call=build())
            outbox.save(submission)
        self._check_sender(submission)
        while True:
            mined = self._mined(submission)
            if mined is not None and self._is_settled(mined):
                return self._finish(outbox, submission, mined, on_chain)
            if mined is None:
                submission, found = self._push(outbox, submission, on_chain)
                if found is not None:
                    return self._settled_elsewhere(found, on_chain, ends)
            if time.monotonic() > ends:
                raise UnsettledError(submission.attempts[-1].tx_hash if submission.attempts else None)
            time.sleep(self.policy.poll_seconds)

    def _check_sender(self, submission: Submission) -> None:
        if submission.call.sender != self.signer.address:
            raise ConfigurationError(
                f"This was begun by {submission.call.sender}, and the signer is {self.signer.address} now; "
                "go on with the first one until this is done."
            )

    def _mined(self, submission: Submission) -> Mined | None:
        """Of the transactions that may take effect, the one that is in a block now."""
        for attempt in reversed(submission.live):
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

    def _finish(
        self, outbox: Outbox, submission: Submission, mined: Mined, on_chain: Callable[[], Mined | None]
    ) -> Mined:
        if mined.succeeded:
            outbox.save(submission.model_copy(update={"mined": mined}))
            return mined
        outbox.save(submission.model_copy(update={"reverted": (*submission.reverted, mined.tx_hash)}))
        found = on_chain()
        if found is not None:
            return found
        call = submission.call
        self.node.call(call.to, call.data, sender=call.sender)  # says why, if it still does
        raise TelepromptError(
            f"The transaction {mined.tx_hash} was refused by the contract, which would take it now; try again."
        )

    def _settled_elsewhere(self, found: Mined, on_chain: Callable[[], Mined | None], ends: float) -> Mined:
        """Wait until what others did is there to stay."""
        while not self._is_settled(found):
            if time.monotonic() > ends:
                raise UnsettledError(found.tx_hash)
            time.sleep(self.policy.poll_seconds)
            found = on_chain() or found
        return found

    def _push(
        self, outbox: Outbox, submission: Submission, on_chain: Callable[[], Mined | None]
    ) -> tuple[Submission, Mined | None]:
        """Get a transaction that is in no block into one: the first, the same again, a dearer one, or a new one."""
        live = submission.live
        if not live:
            return self._send_new(outbox, submission), None
        last, sender = live[-1], submission.call.sender
        if self.node.nonce(sender, "latest") > last.nonce:
            settled = max(0, self._settled_block())
            if self.node.nonce(sender, settled) > last.nonce and self._mined(submission) is None:
                log.warning("The nonce %d of %s was used by another transaction.", last.nonce, sender)
                found = on_chain()
                return (submission, found) if found else (self._send_new(outbox, submission), None)
            return submission, None  # somebody used it in a block that may still go away
        waited = (datetime.now(UTC) - last.made_at).total_seconds()
        dearer = self._dearer(last.fees) if waited > self.policy.replace_after_seconds else None
        if dearer is not None:
            log.warning("%s is in no block after %.0f seconds; it is replaced.", last.tx_hash, waited)
            return self._send_new(outbox, submission, nonce=last.nonce, fees=dearer), None
        self.node.send(last.raw)
        return submission, None

    def _send_new(
        self, outbox: Outbox, submission: Submission, *, nonce: int | None = None, fees: Fees | None = None
    ) -> Submission:
        """Sign, write down, send; with the next nonce unless one is to be used again."""
        with self.lock():
            current = outbox.load()
            if current is not None and len(current.attempts) > len(submission.attempts):
                return current  # another process was faster
            if nonce is None:
                nonce = self.node.nonce(submission.call.sender, "pending")
            attempt = self._sign(submission.call, nonce, fees or self._fees())
            submission = submission.model_copy(update={"attempts": (*submission.attempts, attempt)})
            outbox.save(submission)
            self.node.send(attempt.raw)
        return submission

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

    def _sign(self, call: Call, nonce: int, fees: Fees) -> Attempt:
        """A signed transaction (EIP-1559).

        Raises:
            RevertedError: the contract refuses the call.
            TelepromptError: it does not fit into a transaction.
        """
        from eth_account.typed_transactions.typed_transaction import TypedTransaction
        from eth_utils.crypto import keccak

        gas = round(self.node.estimate_gas(call.to, call.data, sender=call.sender) * GAS_MARGIN)
        if gas > MAX_GAS:
            raise TelepromptError(
                f"The call takes {gas} gas, more than the {MAX_GAS} that fit into one transaction; credit fewer "
                "contributors on the chain, or pay them by the tree of `teleprompt rewards --tree`."
            )
        unsigned = {
            "type": 2,
            "chainId": call.chain_id,
            "nonce": nonce,
            "to": call.to,
            "value": 0,
            "data": call.data,
            "gas": gas,
            "maxFeePerGas": fees.max_fee,
            "maxPriorityFeePerGas": fees.priority_fee,
            "accessList": [],
        }
        signature = self.signer.sign(bytes(TypedTransaction.from_dict(unsigned).hash()))
        r, s, parity = int.from_bytes(signature[:32]), int.from_bytes(signature[32:64]), signature[64] - 27
        raw = TypedTransaction.from_dict({**unsigned, "v": parity, "r": r, "s": s}).encode()
        return Attempt(
            nonce=nonce,
            fees=fees,
            raw=f"0x{raw.hex()}",
            tx_hash=f"0x{keccak(raw).hex()}",
            made_at=datetime.now(UTC),
        )
