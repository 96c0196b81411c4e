"""Keys and a log for the tests; they are public, and no one's."""

from functools import cache

from teleprompt.config.message_keys import PemKey
from teleprompt.config.public_log import PublicLogConfig
from teleprompt.transparency.note import COSIGNATURE, NoteKey, cosigned_message

ORIGIN = "log.example/teleprompt"


@cache
def pem(seed: int = 1) -> str:
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    return _private(seed).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def log_config(origin: str = ORIGIN, seed: int = 1) -> PublicLogConfig:
    return PublicLogConfig.model_validate({"origin": origin, "key": PemKey.model_validate({"pem": pem(seed)})})


class Cosigner:
    """A witness without a service: what it signs, it signs."""

    def __init__(self, name: str = "witness.example/w", seed: int = 77) -> None:
        self._private = _private(seed)
        self.key = NoteKey(name, COSIGNATURE, self._private.public_key().public_bytes_raw())

    def line(self, text: str, moment: int) -> str:
        signature = self._private.sign(cosigned_message(text, moment))
        return self.key.line(moment.to_bytes(8) + signature)


def public_of(seed: int = 1) -> bytes:
    return _private(seed).public_key().public_bytes_raw()


def _private(seed: int):  # type: ignore[no-untyped-def]
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)
