"""A message key turns bytes into a signature of Ed25519, or of ECDSA over P-256 with SHA-256."""

import base64
import binascii
import hashlib
import secrets
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from teleprompt.config.message_keys import CommandKey, MessageKeyConfig, PemKey, UrlKey
from teleprompt.errors import ConfigurationError, SignerUnavailableError
from teleprompt.signing.signer import PATIENCE_SECONDS

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey


class Algorithm(StrEnum):
    """What a message key signs with."""

    ED25519 = "ed25519"
    P256 = "p256"
    """ECDSA over NIST P-256 with SHA-256; the signature is DER."""


@dataclass(frozen=True)
class MessageKey:
    """One key, wherever it lies. What an outside one answers is checked before it is used."""

    public: "Ed25519PublicKey | EllipticCurvePublicKey"
    ask: Callable[[bytes], bytes]
    name: str

    @property
    def algorithm(self) -> Algorithm:
        """What it signs with."""
        return algorithm_of(self.public)

    @property
    def raw_public(self) -> bytes:
        """The 32 bytes of an Ed25519 key.

        Raises:
            ConfigurationError: it is of another kind.
        """
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        if self.algorithm is not Algorithm.ED25519:
            raise ConfigurationError(
                "The public log's key is not of Ed25519; make one with `teleprompt signer new-key --kind ed25519`."
            )
        return self.public.public_bytes(Encoding.Raw, PublicFormat.Raw)

    @property
    def pem(self) -> str:
        """The public key as PEM."""
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        return self.public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()

    def sign(self, message: bytes) -> bytes:
        """The signature of `message`.

        Raises:
            ConfigurationError: who signs outside answered with no signature by this key.
            SignerUnavailableError: he did not answer.
        """
        signature = self.ask(message)
        if not is_signature(self.public, message, signature):
            raise ConfigurationError(
                f"What {self.name} answered is no signature by the configured public key; correct that key."
            )
        return signature


def open_message_key(config: MessageKeyConfig) -> MessageKey:
    """The key that the settings name.

    Raises:
        ConfigurationError: the password does not open it, or it is of another kind.
    """
    match config:
        case PemKey():
            private = _private(config)
            return MessageKey(private.public_key(), partial(_sign, private), "the key")
        case CommandKey():
            return MessageKey(read_public(config.public_key), partial(_ask_command, config), f"`{config.command[0]}`")
        case UrlKey():
            return MessageKey(read_public(config.public_key), partial(_ask_url, config), "the signing service")


def key_id(public: "Ed25519PublicKey | EllipticCurvePublicKey") -> str:
    """The SHA-256 of the key's SubjectPublicKeyInfo, hexadecimal: what envelopes name it by."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return hashlib.sha256(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


def algorithm_of(public: object) -> Algorithm:
    """What a public key is of."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    return Algorithm.ED25519 if isinstance(public, Ed25519PublicKey) else Algorithm.P256


def is_signature(public: "Ed25519PublicKey | EllipticCurvePublicKey", message: bytes, signature: bytes) -> bool:
    """Whether `signature` is one of `message` by that key."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519
    from cryptography.hazmat.primitives.hashes import SHA256

    try:
        if isinstance(public, ed25519.Ed25519PublicKey):
            public.verify(signature, message)
        else:
            public.verify(signature, message, ec.ECDSA(SHA256()))
    except (InvalidSignature, ValueError):
        return False
    return True


def read_public(pem: str) -> "Ed25519PublicKey | EllipticCurvePublicKey":
    """The public key in a PEM.

    Raises:
        ConfigurationError: it holds none, or one of another kind.
    """
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        found = load_pem_public_key(pem.encode())
    except ValueError:
        found = None
    is_p256 = isinstance(found, ec.EllipticCurvePublicKey) and isinstance(found.curve, ec.SECP256R1)
    if isinstance(found, ed25519.Ed25519PublicKey) or is_p256:
        return found  # type: ignore[return-value]  # the curve was looked at
    raise ConfigurationError("A public key is no PEM of an Ed25519 or P-256 key; export it again.")


def write_message_key(file: Path, password_file: Path, algorithm: Algorithm) -> MessageKey:
    """Make a key, and write it as encrypted PKCS #8 PEM, with its password in a file of its own.

    Nobody else on the machine can read the files.

    Raises:
        ConfigurationError: one of the files is there already.
    """
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519
    from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

    for path in (file, password_file):
        if path.exists():
            raise ConfigurationError(f"{path} is there already, and may hold a key that is needed; name another file.")
    made = (
        ed25519.Ed25519PrivateKey.generate()
        if algorithm is Algorithm.ED25519
        else ec.generate_private_key(ec.SECP256R1())
    )
    password = secrets.token_urlsafe(24)
    pem = made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(password.encode())).decode()
    for path, text in ((password_file, password), (file, pem)):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.touch(mode=0o600)
        path.write_text(text, encoding="utf-8")
    return MessageKey(made.public_key(), partial(_sign, made), "the key")


def _private(config: PemKey) -> "Ed25519PrivateKey | EllipticCurvePrivateKey":
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    password = config.password.get_secret_value().encode() if config.password else None
    try:
        found = load_pem_private_key(config.pem.get_secret_value().encode(), password)
    except (ValueError, TypeError):
        raise ConfigurationError(
            "The password does not open the PEM of a message key, or it is none; correct the key or its password."
        ) from None  # it may quote the key
    if isinstance(found, ed25519.Ed25519PrivateKey):
        return found
    if isinstance(found, ec.EllipticCurvePrivateKey) and isinstance(found.curve, ec.SECP256R1):
        return found
    raise ConfigurationError(
        "A message key is neither of Ed25519 nor of P-256; make one with `teleprompt signer new-key`."
    )


def _sign(private: "Ed25519PrivateKey | EllipticCurvePrivateKey", message: bytes) -> bytes:
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519
    from cryptography.hazmat.primitives.hashes import SHA256

    if isinstance(private, ed25519.Ed25519PrivateKey):
        return private.sign(message)
    return private.sign(message, ec.ECDSA(SHA256()))


def _ask_command(config: CommandKey, message: bytes) -> bytes:
    """The message goes in on standard input, as it is."""
    try:
        done = subprocess.run(config.command, input=message, capture_output=True, timeout=PATIENCE_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SignerUnavailableError(config.command[0], type(error).__name__) from None  # it quotes all arguments
    if done.returncode:
        raise SignerUnavailableError(config.command[0], f"exit status {done.returncode}")
    return _decoded(done.stdout.strip())


def _ask_url(config: UrlKey, message: bytes) -> bytes:
    """POST `{"message": base64, "public_key": PEM}`; the answer is `{"signature": base64}`."""
    import json

    import httpx

    headers = {"Authorization": f"Bearer {config.token.get_secret_value()}"} if config.token else {}
    body = {"message": base64.b64encode(message).decode(), "public_key": config.public_key}
    try:
        answer = httpx.post(config.url.get_secret_value(), json=body, headers=headers, timeout=PATIENCE_SECONDS)
        answer.raise_for_status()
        return _decoded(str(answer.json()["signature"]).encode())
    except httpx.HTTPStatusError as error:
        raise SignerUnavailableError(
            "the signing service", f"HTTP {error.response.status_code}"
        ) from None  # it quotes the URL
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise SignerUnavailableError("the signing service", type(error).__name__) from None
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise SignerUnavailableError("the signing service", "no `signature` in its answer") from error


def _decoded(text: bytes) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""  # which is no signature
