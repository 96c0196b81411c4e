"""Asking the DeltaVerifier to mint, once."""

import logging
from dataclasses import dataclass
from datetime import UTC, datetime

from teleprompt.attest.document import Attestation
from teleprompt.chain._context import ChainContext
from teleprompt.chain._delta_verifier import REMEDIES, DeltaVerifier, minted, submit_call
from teleprompt.chain._sender import ContractCall
from teleprompt.chain.mint_request import MintRequest, build_request, deadline_of, idempotency_key, run_id_of
from teleprompt.chain.node import Included
from teleprompt.chain.outbox import Call
from teleprompt.chain.receipt import ChainState, Receipt
from teleprompt.config.chain import DeltaVerifierConfig

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class DeltaVerifierClient:
    """The DeltaVerifier, for one program."""

    context: ChainContext
    config: DeltaVerifierConfig
    actual_cost_usd_micro: int
    """What compiling and selecting cost; 0 where no price is known."""

    def show(self, attestation: Attestation) -> Receipt:
        """What would be sent and minted, tried on the node without sending.

        Raises:
            TelepromptError: it would be refused.
        """
        found = self.read(attestation)
        if found is not None:
            return found
        request = self._request(attestation)
        data = self._data(request)
        reward = self.contract.preflight(data, sender=self.context.payer.address)
        fee = self.context.sender.quote(self.context.call(self.config.contract, data))
        note = f"would mint {reward}, for {fee}" if reward else f"would be taken, but mint 0, for {fee}"
        note += _of_parent(request, attestation)
        return self.context.receipt(attestation, ChainState.DRY_RUN, note, data=data, fee=fee, reward=str(reward))

    def submit(self, attestation: Attestation) -> Receipt:
        """Have the request taken, or find it taken.

        Raises:
            TelepromptError: it is refused, or not confirmed in time.
        """
        taken = self.context.sender.deliver(
            ContractCall(
                outbox=self.context.outbox(
                    does="mint", model=str(self.config.model_id), attestation=attestation.attestation_hash
                ),
                build=lambda: self._call(attestation),
                find=lambda: self._taken(attestation),
                holds=lambda _, block: self.contract.is_processed(self._key(attestation), block=block),
                errors=tuple(REMEDIES),
            )
        )
        return self._taken_receipt(attestation, taken)

    def read(self, attestation: Attestation) -> Receipt | None:
        """What the contract made of the document; None if it has not taken it."""
        taken = self._taken(attestation)
        if taken is None:
            self.context.node.check_chain()  # nothing is found on another chain, too
            return None
        return self._taken_receipt(attestation, taken)

    @property
    def contract(self) -> DeltaVerifier:
        """The contract."""
        return DeltaVerifier(self.context.node, self.config.contract, self.config.from_block)

    def _call(self, attestation: Attestation) -> Call:
        """Signed, and tried before it is written down: a request that would be refused is not begun."""
        request = self._request(attestation)
        if parent := _of_parent(request, attestation):
            log.warning("%s%s", attestation.attestation_id, parent)
        data = self._data(request)
        self.contract.preflight(data, sender=self.context.payer.address)
        return self.context.call(self.config.contract, data)

    def _data(self, request: MintRequest) -> str:
        asked = self.contract.check(request)
        return submit_call(request, [signer.sign_typed_data(asked) for signer in self.context.signers])

    def _request(self, attestation: Attestation) -> MintRequest:
        head = self.contract.head(str(self.config.model_id))
        return build_request(
            attestation,
            self.config,
            actual_cost_usd_micro=self.actual_cost_usd_micro,
            deadline=deadline_of(datetime.now(UTC), self.config),
            head=head if self.config.parent == "head" else None,
        )

    def _taken(self, attestation: Attestation) -> Included | None:
        return self.contract.taken_in(self._key(attestation), run_id_of(attestation))

    def _key(self, attestation: Attestation) -> str:
        return idempotency_key(str(self.config.model_id), attestation.attestation_hash)

    def _taken_receipt(self, attestation: Attestation, taken: Included) -> Receipt:
        result = minted(
            self.context.node.logs_of(taken.tx_hash),
            self.config.contract,
            key=self._key(attestation),
            run_id=run_id_of(attestation),
        )
        return self.context.receipt(
            attestation,
            ChainState.ON_CHAIN,
            result.note,
            tx_hash=taken.tx_hash,
            block_number=taken.block_number,
            reward=result.reward,
        )


def _of_parent(request: MintRequest, attestation: Attestation) -> str:
    """Says so where the contract's head is not the version that was compared with: it was rolled back, or minted 0."""
    compared = attestation.program.baseline_digest if attestation.program else None
    if request.baseline_commitment == compared:
        return ""
    return (
        f"; the contract's head 0x{request.baseline_commitment[:16]}… is named as its parent, though it was compared "
        f"with 0x{(compared or '')[:16]}…"
    )
