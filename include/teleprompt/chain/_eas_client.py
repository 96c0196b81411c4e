"""Attesting a document with EAS, once, and revoking it."""

from dataclasses import dataclass

from teleprompt.attest.document import Attestation
from teleprompt.attest.eas_schema import SCHEMA, schema_uid
from teleprompt.chain._context import ChainContext
from teleprompt.chain._eas import (
    Eas,
    EasAttestation,
    attest_call,
    register_call,
    revoke_call,
)
from teleprompt.chain._sender import ContractCall
from teleprompt.chain.node import Included, Mined
from teleprompt.chain.outbox import Call, Outbox
from teleprompt.chain.receipt import ChainState, Receipt
from teleprompt.config.chain import EasConfig
from teleprompt.errors import ConfigurationError, UnreliableNodeError, UnsettledError

Found = tuple[EasAttestation, Included]
"""An attestation, and where it was made."""


@dataclass(frozen=True)
class EasClient:
    """EAS, for one program."""

    context: ChainContext
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
        call = self._attest(attestation)
        if self.eas.is_registered():
            fee = self.context.sender.quote(call)
            note = f"would be attested, for {fee}"
        else:
            fee = self.context.sender.quote(self._register())
            note = f"its schema would be registered, for {fee}; it would be attested after that, within the same limits"
        return self.context.receipt(attestation, ChainState.DRY_RUN, note, data=call.data, fee=fee)

    def submit(self, attestation: Attestation) -> Receipt:
        """Attest the document, or find it attested.

        Raises:
            TelepromptError: it is refused, or not confirmed in time.
        """
        self.eas.check()
        if not self.eas.is_registered():
            self.context.sender.deliver(
                ContractCall(
                    outbox=self.context.outbox(does="register", schema=SCHEMA),
                    build=self._register,
                    find=lambda: self.eas.registered_in(schema_uid()),
                    holds=lambda _, block: self.eas.is_registered(block=block),
                )
            )
        made = self.context.sender.deliver(
            ContractCall(
                outbox=self._outbox(attestation),
                build=lambda: self._attest(attestation),
                find=lambda: next((place for _, place in self._in_events(attestation)), None),
                holds=lambda mined, block: self._made_in(mined, attestation, block=block) is not None,
            )
        )
        found = self.read(attestation)
        if found is None:
            raise UnreliableNodeError(f"{made.tx_hash} attested the document, and nothing of that is found")
        return found

    def revoke(self, attestation: Attestation) -> Receipt:
        """Revoke every attestation of the document.

        Raises:
            ConfigurationError: there is none by this signer.
            UnsettledError: one may still be made.
        """
        found = self._attestations(attestation)
        if not found:
            raise ConfigurationError(
                f"There is no attestation of {attestation.attestation_id} by {self.context.payer.address} to revoke."
            )
        for held, _ in found:
            if not held.is_revoked():
                self._revoke(held.uid)
        entry = self._outbox(attestation).load()
        if entry is not None and entry.mined is None and entry.live:
            raise UnsettledError(entry.live[-1].tx_hash, "submit it to its end before it is revoked")
        receipt = self.read(attestation)
        if receipt is None or receipt.state is not ChainState.REVOKED:
            raise UnreliableNodeError("what was revoked is still shown as valid")
        return receipt

    def read(self, attestation: Attestation) -> Receipt | None:
        """What the contract holds of the document; None if it was not attested by this signer.

        It is revoked if each of its attestations is.
        """
        found = self._attestations(attestation)
        if not found:
            self.context.node.check_chain()  # nothing is found on another chain, too
            return None
        valid = [each for each in found if not each[0].is_revoked()]
        held, place = (valid or found)[0]
        return self.context.receipt(
            attestation,
            ChainState.ON_CHAIN if valid else ChainState.REVOKED,
            _note(valid=len(valid), of=len(found)),
            uid=held.uid,
            tx_hash=place.tx_hash,
            block_number=place.block_number,
        )

    @property
    def eas(self) -> Eas:
        """The contracts."""
        config = self.config
        return Eas(self.context.node, config.contract, config.schema_registry, config.from_block)

    def _register(self) -> Call:
        return self.context.call(self.config.schema_registry, register_call())

    def _attest(self, attestation: Attestation) -> Call:
        return self.context.call(self.config.contract, attest_call(attestation))

    def _revoke(self, uid: str) -> None:
        self.context.sender.deliver(
            ContractCall(
                outbox=self.context.outbox(does="revoke", uid=uid),
                build=lambda: self.context.call(self.config.contract, revoke_call(uid)),
                find=lambda: self.eas.revoked_in(uid, self.context.payer.address),
                holds=lambda _, block: (held := self.eas.read(uid, block=block)) is not None and held.is_revoked(),
            )
        )

    def _outbox(self, attestation: Attestation) -> Outbox:
        return self.context.outbox(does="attest", attestation=attestation.attestation_hash)

    def _attestations(self, attestation: Attestation) -> list[Found]:
        """All by this signer: those that our transactions made, and those that events tell of."""
        return list(
            {found[0].uid: found for found in [*self._ours(attestation), *self._in_events(attestation)]}.values()
        )

    def _in_events(self, attestation: Attestation) -> list[Found]:
        return self.eas.find(attestation.attestation_hash, self.context.payer.address)

    def _ours(self, attestation: Attestation) -> list[Found]:
        entry = self._outbox(attestation).load()
        if entry is None:
            return []
        known = {entry.mined.tx_hash: entry.mined} if entry.mined else {}
        mined = [known.get(each.tx_hash) or self.context.node.mined(each.tx_hash) for each in entry.attempts]
        made = [(self._made_in(each, attestation), each) for each in mined if each is not None]
        return [(held, each) for held, each in made if held is not None]

    def _made_in(self, mined: Mined, attestation: Attestation, *, block: int | str = "latest") -> EasAttestation | None:
        return self.eas.made_in(mined, attestation, self.context.payer.address, block=block)


def _note(*, valid: int, of: int) -> str:
    if of > 1:
        return f"attested {of} times, and {valid} of them are valid"
    return "attested" if valid else "attested, and revoked since"
