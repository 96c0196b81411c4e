"""Ethereum addresses, read strictly.

The common libraries repair what they are given; an address that money goes to is either right or refused.
"""

import re

_SHAPE = re.compile(r"0x[0-9a-fA-F]{40}")
_ZERO = "0x" + "0" * 40


class AddressError(ValueError):
    """The text is not an address that can be paid."""


def checksum_address(text: str) -> str:
    """The EIP-55 form of `text`.

    All-lower and all-upper hexadecimal carries no checksum and is normalised; mixed case must match its
    EIP-55 checksum.

    Raises:
        AddressError: wrong shape, wrong checksum, or the zero address.
    """
    if not _SHAPE.fullmatch(text):
        raise AddressError(f"{text!r} is not 0x followed by 40 hexadecimal digits")
    if text == _ZERO:
        raise AddressError("the zero address cannot be credited")
    digits = text[2:]
    right = _eip55(digits.lower())
    if digits not in (digits.lower(), digits.upper()) and text != right:
        raise AddressError(f"{text} fails its EIP-55 checksum; the right form is {right}")
    return right


def _eip55(lower_digits: str) -> str:
    """EIP-55: a letter is upper-case where the matching nibble of keccak256(lower digits) is 8 or more."""
    from eth_utils.crypto import keccak

    nibbles = keccak(text=lower_digits).hex()
    cased = (c.upper() if int(n, 16) >= 8 else c for c, n in zip(lower_digits, nibbles, strict=False))
    return "0x" + "".join(cased)
