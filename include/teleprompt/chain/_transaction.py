"""Signing a call as a transaction: EIP-1559, or EIP-155 on a chain that has no base fee."""

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
    from eth_utils.crypto import keccak

    raw = (_signed_legacy if terms.fees.is_legacy else _signed)(call, terms, signer)
    return Attempt(
        nonce=terms.nonce,
        fees=terms.fees,
        gas=terms.gas,
        raw=f"0x{raw.hex()}",
        tx_hash=f"0x{keccak(raw).hex()}",
        made_at=datetime.now(UTC),
    )


def _signed(call: Call, terms: Terms, signer: Signer) -> bytes:
    from eth_account.typed_transactions.typed_transaction import TypedTransaction

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
    r, s, parity = _parts(signer.sign(bytes(TypedTransaction.from_dict(unsigned).hash())))
    return bytes(TypedTransaction.from_dict({**unsigned, "v": parity, "r": r, "s": s}).encode())


def _signed_legacy(call: Call, terms: Terms, signer: Signer) -> bytes:
    """As EIP-155 has it: the chain's id stands where the signature will, and in its `v`."""
    import rlp
    from eth_utils.crypto import keccak

    to, data = bytes.fromhex(call.to[2:]), bytes.fromhex(call.data[2:])
    fields = [terms.nonce, terms.fees.max_fee, terms.gas, to, 0, data]
    r, s, parity = _parts(signer.sign(keccak(rlp.encode([*fields, call.chain_id, 0, 0]))))
    return bytes(rlp.encode([*fields, 35 + 2 * call.chain_id + parity, r, s]))


def _parts(signature: bytes) -> tuple[int, int, int]:
    """r, s, and which of the two possible points it is."""
    return int.from_bytes(signature[:32]), int.from_bytes(signature[32:64]), signature[64] - 27
