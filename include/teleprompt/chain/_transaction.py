"""Signing a call as a transaction (EIP-1559)."""

from dataclasses import dataclass
from datetime import UTC, datetime

from teleprompt.chain._fees import Fees
from teleprompt.chain.outbox import Attempt, Call
from teleprompt.signing.signer import Signer


@dataclass(frozen=True)
class Terms:
    """What a transaction offers."""

    nonce: int
    fees: Fees
    gas: int


def sign_transaction(call: Call, terms: Terms, signer: Signer) -> Attempt:
    """The signed transaction; its chain's id is in what is signed, so that no other chain takes it."""
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
    signature = signer.sign(bytes(TypedTransaction.from_dict(unsigned).hash()))
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
