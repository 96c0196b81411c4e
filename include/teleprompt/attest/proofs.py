"""Proofs that a trace was used, and of what a contributor is due: each against one attestation."""

from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, TypeAdapter, ValidationError

from teleprompt.attest.codes import Code, InvalidAttestationError
from teleprompt.attest.document import Attestation
from teleprompt.attest.load import strict_json
from teleprompt.attribution.rewards import reward_shares
from teleprompt.attribution.trace_tree import (
    LEAF_TYPES,
    trace_digest,
    trace_fields,
    trace_leaf,
    trace_salt,
    trace_tree,
)
from teleprompt.config.attribution import Unpayable
from teleprompt.encoding.addresses import checksum_address
from teleprompt.encoding.canonical_json import digest_of
from teleprompt.encoding.merkle import MerkleTree, leaf_hash, root_of_proof, word_of_address, word_of_int
from teleprompt.errors import ConfigurationError
from teleprompt.records import Digest, Record
from teleprompt.traces.row import TraceRow

REWARD_TYPES: tuple[Literal["address"], Literal["uint256"]] = ("address", "uint256")
ZERO_ADDRESS = "0x" + "0" * 40
Hash = Annotated[str, Field(pattern=r"^0x[0-9a-f]{64}$")]
Units = Annotated[str, Field(pattern=r"^(0|[1-9][0-9]{0,77})$")]
"""An integer as text: it may exceed 2**53."""

MAX_SIBLINGS = 64


def _written_as_signed(address: str) -> str:
    if address != ZERO_ADDRESS and checksum_address(address) != address:
        raise ValueError("an address stands in its EIP-55 form")
    return address


LeafAddress = Annotated[str, AfterValidator(_written_as_signed)]
"""In EIP-55 form, or zero for a contributor without one."""


class _Proof(Record):
    attestation_hash: Digest
    root: Hash
    proof: Annotated[tuple[Hash, ...], Field(max_length=MAX_SIBLINGS)]
    """The siblings from the leaf to the root."""


class TraceProof(_Proof):
    """That a trace is one of those used."""

    type: Literal["trace"] = "trace"
    leaf_encoding: tuple[Literal["bytes32"], Literal["address"], Literal["uint64"]] = LEAF_TYPES
    leaf: tuple[Hash, LeafAddress, Units]
    """Digest of the salted trace, address, score in millionths."""
    salt: Digest
    trace: dict[str, Any]
    """The trace itself, so that its owner can see which one is meant."""


class RewardProof(_Proof):
    """That so much of a total is due to an address."""

    type: Literal["reward"] = "reward"
    leaf_encoding: tuple[Literal["address"], Literal["uint256"]] = REWARD_TYPES
    leaf: tuple[LeafAddress, Units]
    """Address, base units."""
    total: Units
    """Base units that are divided."""


Proof = Annotated[TraceProof | RewardProof, Field(discriminator="type")]
_PROOF: TypeAdapter[TraceProof | RewardProof] = TypeAdapter(Proof)


def prove_trace(attestation: Attestation, rows: Iterable[TraceRow], secret: str, trace_id: str) -> TraceProof:
    """The proof for one of the rows that were used; `secret` is the attribution's.

    Raises:
        ConfigurationError: no such trace was used.
        InvalidAttestationError: the rows are not those of the attestation.
    """
    rows = list(rows)
    row = next((row for row in rows if row.trace_id == trace_id), None)
    if row is None:
        raise ConfigurationError(f"No trace {trace_id!r} was used; `teleprompt attest trail` lists those that were.")
    key = bytes.fromhex(secret)
    tree = trace_tree(rows, key)
    if attestation.data is None or tree.root.hex() != attestation.data.traces_root:
        raise InvalidAttestationError(Code.PROOF_INVALID, "the stored traces are not those that were attested")
    salt = trace_salt(key, trace_id)
    digest = trace_digest(row, salt)
    leaf = trace_leaf(digest, row.contributor_address, row.score_e6)
    return TraceProof(
        attestation_hash=attestation.attestation_hash,
        root=_hex(tree.root),
        proof=tuple(_hex(sibling) for sibling in tree.proof(leaf)),
        leaf=(f"0x{digest}", row.contributor_address or ZERO_ADDRESS, str(row.score_e6)),
        salt=salt,
        trace=trace_fields(row),
    )


class RewardTree:
    """The tree over what an attestation's contributors are due of a total; who cannot be paid is not in it."""

    def __init__(self, attestation: Attestation, total: int) -> None:
        shares = reward_shares(
            attestation.to_dict()["contributors"],
            total,
            unpayable=Unpayable(attestation.credit.unpayable) if attestation.credit else Unpayable.HOLD_BACK,
        )
        self._attestation = attestation
        self._total = total
        self.values = [(r.address, int(r.base_units)) for r in shares if r.address and int(r.base_units)]
        """Address and base units, in the attestation's order."""
        self._names = {r.contributor_id: r.address for r in shares}
        if not self.values:
            raise ConfigurationError(f"Of {total} base units nothing can be paid to anybody; divide a larger total.")
        self.tree = MerkleTree(_reward_leaf(address, amount) for address, amount in self.values)

    def prove(self, contributor: str) -> RewardProof:
        """The proof for a contributor, by id or address.

        Raises:
            ConfigurationError: nothing is due to such a contributor.
        """
        address = self._names.get(contributor, contributor)
        amount = dict(self.values).get(str(address))
        if amount is None:
            raise ConfigurationError(
                f"Nothing can be paid to {contributor!r}; `teleprompt rewards` shows who is due what."
            )
        return RewardProof(
            attestation_hash=self._attestation.attestation_hash,
            root=_hex(self.tree.root),
            proof=tuple(_hex(sibling) for sibling in self.tree.proof(_reward_leaf(str(address), amount))),
            leaf=(str(address), str(amount)),
            total=str(self._total),
        )

    def dump(self) -> dict[str, Any]:
        """As `StandardMerkleTree.load` of npm's `@openzeppelin/merkle-tree` reads it."""
        nodes = self.tree.nodes
        place = {node: index for index, node in enumerate(nodes)}
        return {
            "format": "standard-v1",
            "leafEncoding": list(REWARD_TYPES),
            "tree": [_hex(node) for node in nodes],
            "values": [
                {"value": [address, str(amount)], "treeIndex": place[_reward_leaf(address, amount)]}
                for address, amount in self.values
            ],
        }


def load_proof(data: bytes) -> TraceProof | RewardProof:
    """A proof from bytes that nobody vouches for.

    Raises:
        InvalidAttestationError: `PROOF_INVALID`: they are none.
    """
    try:
        return _PROOF.validate_python(strict_json(data))
    except (ValidationError, InvalidAttestationError) as error:
        raise InvalidAttestationError(Code.PROOF_INVALID, "the file is no proof of `attest prove`") from error


def check_proof(attestation: Attestation, proof: TraceProof | RewardProof) -> str:
    """Check a proof against a verified attestation; returns what it proves, in a sentence.

    Raises:
        InvalidAttestationError: `PROOF_INVALID`, with what is wrong.
    """
    if proof.attestation_hash != attestation.attestation_hash:
        raise InvalidAttestationError(Code.PROOF_INVALID, "it is a proof for another attestation")
    try:
        leaf, root = _expected(attestation, proof)
    except (ValueError, KeyError, OverflowError, ConfigurationError) as error:
        raise InvalidAttestationError(Code.PROOF_INVALID, "its leaf has another form") from error
    if proof.root != root:
        raise InvalidAttestationError(Code.PROOF_INVALID, "its root is not the attestation's")
    if _hex(root_of_proof(leaf, [bytes.fromhex(sibling[2:]) for sibling in proof.proof])) != root:
        raise InvalidAttestationError(Code.PROOF_INVALID, "it does not lead to the root")
    if isinstance(proof, RewardProof):
        return f"{proof.leaf[1]} of {proof.total} base units are due to {proof.leaf[0]}"
    return f"trace {proof.trace.get('trace_id')} was used, with a score of {int(proof.leaf[2]) / 1e6:g}"


def _expected(attestation: Attestation, proof: TraceProof | RewardProof) -> tuple[bytes, str]:
    """The leaf that the proof names, and the root that the attestation gives."""
    if isinstance(proof, RewardProof):
        return _reward_leaf(proof.leaf[0], int(proof.leaf[1])), _hex(
            RewardTree(attestation, int(proof.total)).tree.root
        )
    if digest_of({"salt": proof.salt, "trace": proof.trace}) != proof.leaf[0][2:]:
        raise ValueError("the trace is another one")
    address = None if proof.leaf[1] == ZERO_ADDRESS else proof.leaf[1]
    if (proof.trace["contributor_address"], proof.trace["score_e6"]) != (address, int(proof.leaf[2])):
        raise ValueError("the leaf is of another trace")
    root = attestation.data.traces_root if attestation.data else None
    return trace_leaf(proof.leaf[0][2:], address, int(proof.leaf[2])), f"0x{root}"


def _reward_leaf(address: str, amount: int) -> bytes:
    return leaf_hash(word_of_address(address) + word_of_int(amount))


def _hex(data: bytes) -> str:
    return f"0x{data.hex()}"
