"""Asking the DeltaVerifier to mint, once."""

from dataclasses import dataclass
from datetime import UTC, datetime

from teleprompt.attest.document import Attestation
from teleprompt.chain._delta_verifier import DeltaVerifier, minted, submit_call
from teleprompt.chain._desk import Desk
from teleprompt.chain._sender import Errand
from teleprompt.chain.mint_request import MintRequest, build_request, deadline_of, idempotency_key, run_id_of
from teleprompt.chain.node import Included
from teleprompt.chain.outbox import Call
from teleprompt.chain.receipt import ChainState, Receipt
from teleprompt.config.chain import DeltaVerifierConfig


@dataclass(frozen=True)
class DeltaVerifierDesk:
    """The DeltaVerifier, for one program."""

    desk: Desk
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
        data = self._data(attestation)
        reward = self.contract.preflight(data, sender=self.desk.payer.address)
        fee = self.desk.sender.quote(self.desk.call(self.config.contract, data))
        note = f"would mint {reward}, for {fee}" if reward else f"would be taken, but mint 0, for {fee}"
        return self.desk.receipt(attestation, ChainState.DRY_RUN, note, data=data, fee=fee, reward=str(reward))

    def submit(self, attestation: Attestation) -> Receipt:
        """Have the request taken, or find it taken.

        Raises:
            TelepromptError: it is refused, or not there to stay in time.
        """
        taken = self.desk.sender.deliver(
            Errand(
                outbox=self.desk.outbox(
                    does="mint", model=str(self.config.model_id), attestation=attestation.attestation_hash
                ),
                build=lambda: self._call(attestation),
                find=lambda: self._taken(attestation),
                holds=lambda _, block: self.contract.is_processed(self._key(attestation), block=block),
            )
        )
        return self._taken_receipt(attestation, taken)

    def read(self, attestation: Attestation) -> Receipt | None:
        """What the contract made of the document; None if it has not taken it."""
        taken = self._taken(attestation)
        if taken is None:
            self.desk.node.check_chain()  # nothing is found on another chain, too
            return None
        return self._taken_receipt(attestation, taken)

    @property
    def contract(self) -> DeltaVerifier:
        """The contract."""
        return DeltaVerifier(self.desk.node, self.config.contract, self.config.from_block)

    def _call(self, attestation: Attestation) -> Call:
        """Signed, and tried before it is written down: a request that would be refused is not begun."""
        data = self._data(attestation)
        self.contract.preflight(data, sender=self.desk.payer.address)
        return self.desk.call(self.config.contract, data)

    def _data(self, attestation: Attestation) -> str:
        request = self._request(attestation)
        asked = self.contract.check(request)
        return submit_call(request, [signer.sign_typed_data(asked) for signer in self.desk.signers])

    def _request(self, attestation: Attestation) -> MintRequest:
        return build_request(
            attestation,
            self.config,
            actual_cost_usd_micro=self.actual_cost_usd_micro,
            deadline=deadline_of(datetime.now(UTC), self.config),
        )

    def _taken(self, attestation: Attestation) -> Included | None:
        return self.contract.taken_in(self._key(attestation), run_id_of(attestation))

    def _key(self, attestation: Attestation) -> str:
        return idempotency_key(str(self.config.model_id), attestation.attestation_hash)

    def _taken_receipt(self, attestation: Attestation, taken: Included) -> Receipt:
        result = minted(
            self.desk.node.logs_of(taken.tx_hash),
            self.config.contract,
            key=self._key(attestation),
            run_id=run_id_of(attestation),
        )
        return self.desk.receipt(
            attestation,
            ChainState.ON_CHAIN,
            result.note,
            tx_hash=taken.tx_hash,
            block_number=taken.block_number,
            reward=result.reward,
        )
