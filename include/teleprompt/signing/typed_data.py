"""EIP-712: typed data, its digest, and its JSON for who signs outside."""

from dataclasses import dataclass
from typing import Any

_DOMAIN_TYPES = {"name": "string", "version": "string", "chainId": "uint256", "verifyingContract": "address"}
"""In EIP-712's order; a domain has those that it needs."""


@dataclass(frozen=True)
class TypedData:
    """What somebody signs, in fields that he can read."""

    domain: dict[str, Any]
    types: dict[str, list[dict[str, str]]]
    """The first one is the primary type."""
    message: dict[str, Any]

    @property
    def digest(self) -> bytes:
        """What is signed."""
        return typed_data_digest(self.domain, self.types, self.message)

    def to_dict(self) -> dict[str, Any]:
        """As `eth_signTypedData_v4` takes it: bytes as hexadecimal digits."""
        domain = [{"name": name, "type": kind} for name, kind in _DOMAIN_TYPES.items() if name in self.domain]
        return {
            "types": {"EIP712Domain": domain, **self.types},
            "primaryType": next(iter(self.types)),
            "domain": _plain(self.domain),
            "message": _plain(self.message),
        }


def _plain(value: Any) -> Any:
    match value:
        case bytes():
            return f"0x{value.hex()}"
        case dict():
            return {name: _plain(inner) for name, inner in value.items()}
        case list() | tuple():
            return [_plain(inner) for inner in value]
        case int() if not isinstance(value, bool) and abs(value) >= 2**53:
            return str(value)
        case _:
            return value


def typed_data_digest(domain: dict[str, Any], types: dict[str, list[dict[str, str]]], message: dict[str, Any]) -> bytes:
    """`keccak256(0x19 0x01 ‖ domainSeparator ‖ hashStruct(message))`."""
    from eth_account.messages import encode_typed_data
    from eth_utils.crypto import keccak

    data = encode_typed_data(domain, types, message)
    return bytes(keccak(b"\x19" + data.version + data.header + data.body))
