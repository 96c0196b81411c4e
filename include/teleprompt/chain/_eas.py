"""The Ethereum Attestation Service (EAS 1.x): its schema, its calls, and what it holds."""

from dataclasses import dataclass

from teleprompt.attest.document import Attestation
from teleprompt.attest.eas_schema import DATA_TYPES, SCHEMA, ZERO_ADDRESS, attested_data, schema_uid
from teleprompt.chain._abi import decode, encode_call, topic
from teleprompt.chain.node import Included, Log, Mined, Node
from teleprompt.errors import TelepromptError, UnreliableNodeError
from teleprompt.records import Record

ZERO = bytes(32)
ATTESTED = "Attested(address,address,bytes32,bytes32)"
REVOKED = "Revoked(address,address,bytes32,bytes32)"
REGISTERED = "Registered(bytes32,address,(bytes32,address,bool,string))"
_ATTESTATION = "(bytes32,bytes32,uint64,uint64,uint64,bytes32,address,address,bool,bytes)"


class EasAttestation(Record):
    """An attestation as the contract holds it; times are seconds since 1970, 0 for never."""

    uid: str
    attestation_hash: str
    attester: str
    made_at: int
    expires_at: int
    revoked_at: int

    def is_revoked(self) -> bool:
        """EAS's own `isAttestationValid` says only that there is one."""
        return self.revoked_at != 0


@dataclass(frozen=True)
class Eas:
    """The two contracts of one deployment."""

    node: Node
    contract: str
    schema_registry: str
    from_block: int = 0

    def check(self) -> None:
        """Look whether the contracts are there.

        Raises:
            TelepromptError: one is not.
        """
        for key, address in (("contract", self.contract), ("schema_registry", self.schema_registry)):
            if not self.node.has_code(address):
                raise TelepromptError(
                    f"There is no contract at {address} on chain {self.node.chain_id}; correct `chain.{key}`."
                )

    def is_registered(self, *, block: int | str = "latest") -> bool:
        """Whether the schema is known to the registry, in the state after `block`."""
        data = encode_call("getSchema(bytes32)", ["bytes32"], [schema_uid()])
        answer = self.node.call(self.schema_registry, data, block=block)
        (record,) = decode(["(bytes32,address,bool,string)"], answer)
        return bool(record[0] != ZERO)

    def find(self, attestation_hash: str, attester: str) -> list[tuple[EasAttestation, Included]]:
        """All attestations of the document by `attester` that events tell of, and where each was made, oldest first.

        Raises:
            UnreliableNodeError: an event names one that the contract does not hold.
        """
        found = []
        for entry in self._events(ATTESTED, attester):
            held = self.read(entry.data)
            if held is None:
                raise UnreliableNodeError(f"an event names the attestation {entry.data}, which the contract lacks")
            if held.attestation_hash == attestation_hash:
                found.append((held, _place(entry)))
        return found

    def made_in(
        self, mined: Mined, attestation: Attestation, attester: str, *, block: int | str = "latest"
    ) -> EasAttestation | None:
        """The attestation of the document that a transaction made, by the state after `block`, without any event."""
        made = self.node.block(mined.block_number)
        if made is None or made.block_hash != mined.block_hash:
            return None
        return self.read(attestation_uid(attestation, attester, made_at=made.timestamp), block=block)

    def revoked_in(self, uid: str, attester: str) -> Included | None:
        """The transaction in which `attester` revoked an attestation."""
        return next((_place(entry) for entry in self._events(REVOKED, attester) if entry.data == uid), None)

    def registered_in(self, uid: bytes) -> Included | None:
        """The transaction that registered a schema, by whomever."""
        topics = [topic(REGISTERED), "0x" + uid.hex()]
        found = self.node.logs(self.schema_registry, topics, from_block=self.from_block)
        return _place(found[0]) if found else None

    def _events(self, event: str, attester: str) -> list[Log]:
        topics = [topic(event), None, _word(attester), "0x" + schema_uid().hex()]
        return self.node.logs(self.contract, topics, from_block=self.from_block)

    def read(self, uid: str, *, block: int | str = "latest") -> EasAttestation | None:
        """The attestation with that uid in the state after `block`; None if the contract has none of our schema."""
        data = encode_call("getAttestation(bytes32)", ["bytes32"], [bytes.fromhex(uid[2:])])
        (held,) = decode([_ATTESTATION], self.node.call(self.contract, data, block=block))
        if held[0] == ZERO or held[1] != schema_uid():
            return None
        return EasAttestation(
            uid=uid,
            attestation_hash=decode(DATA_TYPES, held[9])[0].hex(),
            attester=_checksummed(held[7]),
            made_at=held[2],
            expires_at=held[3],
            revoked_at=held[4],
        )


def attestation_uid(attestation: Attestation, attester: str, *, made_at: int) -> str:
    """The uid that EAS gives what `attest_call` makes, in a block of that time in seconds since 1970."""
    from eth_utils.crypto import keccak

    made = (
        schema_uid(), bytes(20), bytes.fromhex(attester[2:]), made_at.to_bytes(8), bytes(8), b"\1", ZERO,
        attested_data(attestation), bytes(4),
    )  # fmt: skip
    return "0x" + keccak(b"".join(made)).hex()


def register_call() -> str:
    """Registers the schema."""
    return encode_call("register(string,address,bool)", ["string", "address", "bool"], [SCHEMA, ZERO_ADDRESS, True])


def attest_call(attestation: Attestation) -> str:
    """Attests a document: to nobody in particular, for ever, revocable."""
    request = (schema_uid(), (ZERO_ADDRESS, 0, True, ZERO, attested_data(attestation), 0))
    types = "(bytes32,(address,uint64,bool,bytes32,bytes,uint256))"
    return encode_call(f"attest({types})", [types], [request])


def revoke_call(uid: str) -> str:
    """Revokes an attestation; only its attester can."""
    types = "(bytes32,(bytes32,uint256))"
    return encode_call(f"revoke({types})", [types], [(schema_uid(), (bytes.fromhex(uid[2:]), 0))])


def _place(entry: Log) -> Included:
    return Included(tx_hash=entry.tx_hash, block_number=entry.block_number)


def _word(address: str) -> str:
    return "0x" + address[2:].lower().rjust(64, "0")


def _checksummed(address: str) -> str:
    from teleprompt.encoding.addresses import checksum_address

    return checksum_address(address)
