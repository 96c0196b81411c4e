"""The DeltaVerifier: an on-chain verifier that mints rewards for attested gains."""

from dataclasses import dataclass
from typing import Any

from teleprompt.chain._abi import decode, encode_call, revert_reason, topic
from teleprompt.chain._rpc_errors import RevertedError
from teleprompt.chain.mint_request import MintRequest, request_typed_data
from teleprompt.chain.node import Included, Log, Node
from teleprompt.errors import TelepromptError
from teleprompt.records import Record
from teleprompt.signing.typed_data import TypedData

ANCHORS = "(bytes32,bytes32,bytes32,bytes32,string,string)"
PAYLOAD = f"(string,uint256,uint256,uint256,uint256,uint256,{ANCHORS},bytes32,bytes32,uint256)"
CONTRIBUTORS = "(address,uint256)[]"
ACCEPTED = "DeltaOneAccepted(uint256,bytes32,bytes32,bytes32,bytes32,string,string,uint256,uint256,uint256,string)"
OVER_BUDGET = "BudgetConstraintViolated(string,uint256,uint256,uint256)"
REMEDIES = {
    "AttestationThresholdNotConfigured()": "let the contract's admin add attesters and set their threshold",
    "InsufficientAttesterSignatures(uint256,uint256)": "name more `cosigners`",
    "SignerNotAttester(address)": "let the contract's admin add the signer as attester",
    "UnorderedOrDuplicateAttesters(address)": "name each cosigner once",
    "LineageNotSeeded(uint256)": "let the owner of the contract's model registry call setWeightGenesis for the model",
    "LineageParentMismatch(uint256,bytes32,bytes32)": "another request was taken in between; try again, or set "
    "`chain.parent: head` where it is `compared`",
    "InvalidCandidateCommitment()": "the program has no digest; promote it again",
    "SignatureExpired(uint256,uint256)": "try again: the request is signed anew, with a later deadline",
    "MintBudgetExceeded(uint256,uint256,uint256)": "let the contract's admin top up the model's budget, and try again",
    "ModelTokenMismatch(uint256,address,address)": "let the contract's admin mend the model's token",
    "ZeroAddress(string)": "correct the contributors' addresses",
    "ArrayEmpty()": "nobody is credited; correct the attestation",
    "ArrayTooLarge(uint256,uint256)": "credit fewer contributors, or pay them by `teleprompt rewards --tree`",
    "InvalidAmount(string)": "correct what the contract names",
    "EnforcedPause()": "let the contract's admin unpause it, and try again",
}
"""The contract's own errors, and what to do about each."""

REQUIRED = {
    "Model not registered": "register the model with the contract, or correct `chain.model_id`",
    "Model is deactivated": "let the contract's admin activate the model",
    "Pausable: paused": "let the contract's admin unpause it, and try again",
    "AccessControl": "let the contract's admin give the payer its SUBMITTER_ROLE",
}
"""What it says in words, and what to do about that."""


class Minted(Record):
    """What the contract made of a request."""

    reward: str
    """In base units of the model's token; `0` for a request that was taken but pays nothing."""
    note: str


def submit_call(request: MintRequest, signatures: list[bytes]) -> str:
    """`submitMintRequest`; `signatures` in ascending order of their signers."""
    return encode_call(
        f"submitMintRequest(uint256,{PAYLOAD},{CONTRIBUTORS},bytes[])",
        ["uint256", PAYLOAD, CONTRIBUTORS, "bytes[]"],
        [*_arguments(request), signatures],
    )


@dataclass(frozen=True)
class DeltaVerifier:
    """The contract on one chain."""

    node: Node
    contract: str
    from_block: int = 0

    def check(self, request: MintRequest) -> TypedData:
        """What attesters sign, after the contract named the same digest.

        Raises:
            TelepromptError: it names another one, or is not there.
        """
        if not self.node.has_code(self.contract):
            raise TelepromptError(
                f"There is no contract at {self.contract} on chain {self.node.chain_id}; correct `chain.contract`."
            )
        own = request_typed_data(request, chain_id=self.node.chain_id, contract=self.contract)
        signature = f"hashMintRequest(uint256,{PAYLOAD},{CONTRIBUTORS})"
        answer = self.node.call(
            self.contract, encode_call(signature, ["uint256", PAYLOAD, CONTRIBUTORS], _arguments(request))
        )
        if answer != own.digest:
            raise TelepromptError(
                f"The contract's digest of the request is 0x{answer.hex()} and ours 0x{own.digest.hex()}: it is of "
                "another version, so nothing is signed or sent; correct `chain.contract`."
            )
        return own

    def head(self, model_id: str) -> str | None:
        """The commitment that the model's next paid request has to name as its parent, as hex.

        None where there is none: the contract has no lineage, does not know the model, or its lineage has no beginning.
        """
        data = encode_call("currentModelHead(uint256)", ["uint256"], [int(model_id)])
        try:
            answer = self.node.call(self.contract, data)
        except RevertedError:
            return None
        return answer.hex() if len(answer) == 32 and any(answer) else None

    def is_processed(self, key: str, *, block: int | str = "latest") -> bool:
        """Whether the contract has taken the request with that idempotency key, in the state after `block`."""
        data = encode_call("processedIdempotencyKeys(bytes32)", ["bytes32"], [bytes.fromhex(key)])
        return bool(decode(["bool"], self.node.call(self.contract, data, block=block))[0])

    def preflight(self, data: str, *, sender: str) -> int:
        """What the contract would mint now, in base units.

        Raises:
            TelepromptError: it would refuse, with its reason.
        """
        try:
            return int(decode(["uint256"], self.node.call(self.contract, data, sender=sender))[0])
        except RevertedError as error:
            raise TelepromptError(refusal(error)) from error

    def taken_in(self, key: str, run_id: str) -> Included | None:
        """The transaction in which the contract took the request with that key.

        Raises:
            TelepromptError: it took it, but the node does not say in which transaction.
        """
        if not self.is_processed(key):
            return None
        from eth_utils.crypto import keccak

        found = [
            entry
            for topics in ([topic(ACCEPTED), None, f"0x{key}"], [topic(OVER_BUDGET), f"0x{keccak(text=run_id).hex()}"])
            for entry in self.node.logs(self.contract, topics, from_block=self.from_block)
        ]
        if not found:
            raise TelepromptError(
                f"The contract has taken the request 0x{key}, but no event since block {self.from_block} says when; "
                "correct `chain.from_block`, or try again later if that was just now."
            )
        return Included(tx_hash=found[0].tx_hash, block_number=found[0].block_number)


def minted(logs: list[Log], contract: str, *, key: str, run_id: str) -> Minted:
    """What the request with that key came to: a transaction's success says only that the contract took it."""
    from eth_utils.crypto import keccak

    own = [entry for entry in logs if entry.address.lower() == contract.lower()]
    for entry in own:
        if entry.topics[:1] == (topic(ACCEPTED),) and entry.topics[2:3] == (f"0x{key}",):
            types = ["bytes32", "bytes32", "string", "string", "uint256", "uint256", "uint256", "string"]
            reward = int(decode(types, bytes.fromhex(entry.data[2:]))[6])
            note = "minted" if reward else "taken, but it mints 0: the gain is below the contract's minimum"
            return Minted(reward=str(reward), note=note)
        if entry.topics[:2] == (topic(OVER_BUDGET), f"0x{keccak(text=run_id).hex()}"):
            return Minted(reward="0", note="taken, but it mints 0: compiling cost more than `chain.max_cost_usd`")
    return Minted(reward="0", note="taken, but the contract reported nothing")


def refusal(error: RevertedError) -> str:
    """What the contract said, and what to do about it."""
    reason = revert_reason(error.data, tuple(REMEDIES))
    by_name = {signature.partition("(")[0]: remedy for signature, remedy in REMEDIES.items()}
    remedy = by_name.get(reason.partition("(")[0]) or next(
        (remedy for said, remedy in REQUIRED.items() if said in reason), "see to that, and try again"
    )
    return f"The DeltaVerifier refuses the request ({reason}); {remedy}."


def _arguments(request: MintRequest) -> list[Any]:
    anchors = (
        bytes.fromhex(request.benchmark_spec_hash),
        bytes.fromhex(request.dataset_hash),
        bytes.fromhex(request.attestation_hash),
        bytes.fromhex(request.idempotency_key),
        request.metric_name,
        request.metric_family,
    )
    payload = (
        request.pipeline_run_id,
        request.baseline_score_bps,
        request.candidate_score_bps,
        request.max_cost_usd_micro,
        request.actual_cost_usd_micro,
        request.total_samples,
        anchors,
        bytes.fromhex(request.baseline_commitment),
        bytes.fromhex(request.candidate_commitment),
        request.deadline,
    )
    return [int(request.model_id), payload, [(c.address, c.weight_bps) for c in request.contributors]]
