"""EIP-712: the digest of typed data."""

from typing import Any


def typed_data_digest(domain: dict[str, Any], types: dict[str, list[dict[str, str]]], message: dict[str, Any]) -> bytes:
    """`keccak256(0x19 0x01 ‖ domainSeparator ‖ hashStruct(message))`."""
    from eth_account.messages import encode_typed_data
    from eth_utils.crypto import keccak

    data = encode_typed_data(domain, types, message)
    return bytes(keccak(b"\x19" + data.version + data.header + data.body))
