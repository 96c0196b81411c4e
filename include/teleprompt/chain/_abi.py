"""Encoding calls of contracts, and decoding what they answer (the Solidity ABI)."""

import contextlib
from collections.abc import Sequence
from typing import Any

ERROR_SELECTOR = bytes.fromhex("08c379a0")
"""Of `Error(string)`, what `require` reverts with."""


def encode_call(signature: str, types: Sequence[str], values: Sequence[Any]) -> str:
    """The data of a call: selector of the canonical `signature` (`name(type,…)`) and the encoded arguments, as 0x…"""
    from eth_abi.abi import encode
    from eth_utils.abi import function_signature_to_4byte_selector

    return "0x" + (function_signature_to_4byte_selector(signature) + encode(types, values)).hex()


def decode(types: Sequence[str], data: bytes) -> tuple[Any, ...]:
    """The values that `data` holds."""
    from eth_abi.abi import decode as abi_decode

    return tuple(abi_decode(types, data))


def topic(signature: str) -> str:
    """The first topic of an event, as 0x…"""
    from eth_utils.abi import event_signature_to_log_topic

    return "0x" + event_signature_to_log_topic(signature).hex()


def revert_reason(data: bytes, errors: Sequence[str] = ()) -> str:
    """What a revert says: its text, or the name and values of one of the custom `errors`."""
    from eth_abi.exceptions import DecodingError
    from eth_utils.abi import function_signature_to_4byte_selector

    with contextlib.suppress(DecodingError):  # cut short, it is shown as it is
        if data[:4] == ERROR_SELECTOR:
            return str(decode(["string"], data[4:])[0])
        for signature in errors:
            if function_signature_to_4byte_selector(signature) == data[:4]:
                name, _, types = signature.rstrip(")").partition("(")
                values = decode(types.split(","), data[4:]) if types else ()
                return f"{name}({', '.join(_shown(value) for value in values)})"
    return f"0x{data.hex()}" if data else "no reason given"


def _shown(value: Any) -> str:
    return f"0x{value.hex()}" if isinstance(value, bytes) else str(value)
