"""Recovering who signed a digest, strictly."""

from typing import TYPE_CHECKING

from teleprompt.encoding.addresses import checksum_address

if TYPE_CHECKING:
    from eth_keys.datatypes import PublicKey

SECP256K1_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
LENGTH = 65


class SignatureError(ValueError):
    """The bytes are no signature in the one form that is taken."""


def split_signature(signature: bytes) -> tuple[int, int, int]:
    """(r, s, v) of a signature in its one canonical form: 65 bytes, low s (EIP-2), v 27 or 28.

    Raises:
        SignatureError: it has another form.
    """
    if len(signature) != LENGTH:
        raise SignatureError(f"a signature has {LENGTH} bytes")
    r, s, v = int.from_bytes(signature[:32]), int.from_bytes(signature[32:64]), signature[64]
    if v not in {27, 28} or not 0 < s <= SECP256K1_ORDER // 2 or not 0 < r < SECP256K1_ORDER:
        raise SignatureError("not in canonical form (v 27 or 28, low s)")
    return r, s, v


def recover_address(digest: bytes, signature: bytes) -> str:
    """The EIP-55 address whose key signed `digest`, 32 bytes.

    Raises:
        SignatureError: no key can have made it, or it has another form than the canonical one.
    """
    return checksum_address(str(_public_key(digest, signature).to_address()))


def recover_public_key(digest: bytes, signature: bytes) -> bytes:
    """The public key that signed, 64 bytes (x, y).

    Raises:
        SignatureError: as of `recover_address`.
    """
    return bytes(_public_key(digest, signature).to_bytes())


def _public_key(digest: bytes, signature: bytes) -> "PublicKey":
    from eth_keys.datatypes import Signature
    from eth_keys.exceptions import BadSignature
    from eth_utils.exceptions import ValidationError

    r, s, v = split_signature(signature)
    try:
        return Signature(vrs=(v - 27, r, s)).recover_public_key_from_msg_hash(digest)
    except (BadSignature, ValidationError) as error:
        raise SignatureError("no key can have made it") from error
