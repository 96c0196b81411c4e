"""Attesting a document with EAS, once, and revoking it."""

from dataclasses import dataclass

from include.teleprompt.attest.document import Attestation
from include.teleprompt.attest.eas_schema import SCHEMA, schema_uid
from include.teleprompt.chain.desk import Desk
from include.teleprompt.chain.eas import (
    Eas,
    EasAttestation,
    attest_call,
    register_call,
    revoke_call,
)
from include.teleprompt.chain.node import Mined
from include.teleprompt.chain.receipt import ChainState, Receipt
from include.teleprompt.chain.sender import Errand
from include.teleprompt.config.chain import EasConfig
from include.teleprompt.errors import ConfigurationError, TelepromptError


@dataclass(frozen=True)
class EasDesk:
    """EAS, for one program."""

    desk: Desk
    config: EasConfig

    def show(self, attestation: Attestation) -> Receipt:
        """What would be sent, tried on the node without sending.

        Raises:
            TelepromptError: it would be refused.
        """
        found = self.read(attestation)
        if found is not None:
            return found
        self.eas.check()
        data, sender = attest_call(attestation), self.desk.payer.address
        if self.eas.is_registered():
            gas = self.desk.node.estimate_gas(self.config.contract, data, sender=sender)
            note = f"would be attested, with some {gas} gas"
        else:
            note = "would be attested, after its schema was registered"
        return self.desk.receipt(attestation, ChainState.DRY_RUN, note, data=data)

    def submit(self, attestation: Attestation) -> Receipt:
        """Attest the document, or find it attested.

        Raises:
            TelepromptError: it is refused, or not there to stay in time.
        """
        self.eas.check()
        if not self.eas.is_registered():
            self._register()
        mined = self.desk.sender.deliver(
            Errand(
                outbox=self.desk.outbox(does="attest", attestation=attestation.attestation_hash),
                build=lambda: self.desk.call(self.config.contract, attest_call(attestation)),
                on_chain=lambda: self._made(attestation),
            )
        )
        found = self.read(attestation)
        if found is None:
            raise TelepromptError(
                f"The transaction {mined.tx_hash} succeeded, but the node finds no attestation since block "
                f"{self.config.from_block}; correct `chain.from_block`."
            )
        return found

    def revoke(self, attestation: Attestation) -> Receipt:
        """Revoke the attestation of the document.

        Raises:
            ConfigurationError: there is none by this signer.
        """
        found = self._find(attestation)
        if found is None:
            raise ConfigurationError(
                f"There is no attestation of {attestation.attestation_id} by {self.desk.payer.address} to revoke."
            )
        uid = found[0].uid
        self.desk.sender.deliver(
            Errand(
                outbox=self.desk.outbox(does="revoke", uid=uid),
                build=lambda: self.desk.call(self.config.contract, revoke_call(uid)),
                on_chain=lambda: self.eas.revoked_in(uid, self.desk.payer.address),
            )
        )
        receipt = self.read(attestation)
        assert receipt is not None  # noqa: S101 - found above, and EAS forgets nothing
        return receipt

    def read(self, attestation: Attestation) -> Receipt | None:
        """What the contract holds of the document; None if it was not attested by this signer."""
        found = self._find(attestation)
        if found is None:
            return None
        held, mined = found
        return self.desk.receipt(
            attestation,
            ChainState.REVOKED if held.is_revoked() else ChainState.ON_CHAIN,
            "attested, and revoked since" if held.is_revoked() else "attested",
            uid=held.uid,
            tx_hash=mined.tx_hash,
            block_number=mined.block_number,
        )

    @property
    def eas(self) -> Eas:
        """The contracts."""
        config = self.config
        return Eas(self.desk.node, config.contract, config.schema_registry, config.from_block)

    def _register(self) -> None:
        self.desk.sender.deliver(
            Errand(
                outbox=self.desk.outbox(does="register", schema=SCHEMA),
                build=lambda: self.desk.call(self.config.schema_registry, register_call()),
                on_chain=lambda: self.eas.registered_in(schema_uid()),
            )
        )

    def _find(self, attestation: Attestation) -> tuple[EasAttestation, Mined] | None:
        return self.eas.find(attestation.attestation_hash, self.desk.payer.address)

    def _made(self, attestation: Attestation) -> Mined | None:
        found = self._find(attestation)
        return None if found is None else found[1]
