"""A signer turns a digest of 32 bytes, or typed data, into a signature of 65."""

import json
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, Protocol

from teleprompt.config.settings import Settings
from teleprompt.config.signers import CommandSigner, KeystoreSigner, SignerConfig, UrlSigner
from teleprompt.encoding.addresses import checksum_address
from teleprompt.errors import ConfigurationError, SignerUnavailableError
from teleprompt.signing.recover import SignatureError, recover_address
from teleprompt.signing.typed_data import TypedData

PATIENCE_SECONDS = 60.0
"""For a person to press the button of a hardware key, too."""


class Signer(Protocol):
    """Who holds one key."""

    @property
    def address(self) -> str:
        """The EIP-55 address of the key."""

    def sign(self, digest: bytes) -> bytes:
        """The signature of `digest`, 32 bytes, in canonical form: r, s, v of 27 or 28."""

    def sign_typed_data(self, typed_data: TypedData) -> bytes:
        """The signature of the digest of `typed_data`, in the same form; who signs outside is shown the data."""


def open_signer(config: SignerConfig) -> Signer:
    """The signer that the settings name.

    Raises:
        ConfigurationError: the password does not open the keystore.
    """
    match config:
        case KeystoreSigner():
            return _Keystore(config)
        case CommandSigner():
            return _Outside(config.address, partial(_ask_command, config), f"`{config.command[0]}`")
        case UrlSigner():
            return _Outside(config.address, partial(_ask_url, config), "the signing service")


def addresses_of(settings: Settings) -> frozenset[str]:
    """The EIP-55 addresses whose signatures count on what is stored; empty where nobody signs.

    No key is opened if its keystore names its address, as most do.

    Raises:
        ConfigurationError: the password does not open a keystore that names none.
    """
    return frozenset((*settings.trusted_signers, *map(_address, settings.signers)))


def _address(config: SignerConfig) -> str:
    if isinstance(config, KeystoreSigner):
        named = config.keystore.get("address")
        return checksum_address(f"0x{str(named).removeprefix('0x')}") if named else open_signer(config).address
    return config.address


class _Keystore:
    """An encrypted key; opening it takes half a second (scrypt), once."""

    def __init__(self, config: KeystoreSigner) -> None:
        self._config = config

    @cached_property
    def _key(self) -> Any:
        from eth_account import Account
        from eth_keys.datatypes import PrivateKey

        keystore = self._config.keystore
        if str(keystore.get("version")) != "3":  # some tools write a text
            raise ConfigurationError(
                "The signer's keystore is no Web3 Secret Storage of version 3; convert it to that."
            )
        try:
            key = PrivateKey(Account.decrypt({**keystore, "version": 3}, self._config.password.get_secret_value()))
        except (ValueError, KeyError, TypeError) as error:
            raise ConfigurationError(
                "The password does not open the signer's keystore; correct the `teleprompt_signer` connection."
            ) from error
        self._check_address(checksum_address(str(key.public_key.to_address())))
        return key

    def _check_address(self, found: str) -> None:
        """What verifies believes the address that a keystore names, unopened: it has to be the key's."""
        named = self._config.keystore.get("address")
        if named and f"0x{str(named).removeprefix('0x')}".lower() != found.lower():
            raise ConfigurationError(
                f"The signer's keystore names the address {named} and holds the key of {found}; correct its `address`."
            )

    @property
    def address(self) -> str:
        return checksum_address(str(self._key.public_key.to_address()))

    def sign(self, digest: bytes) -> bytes:
        """Deterministic (RFC 6979), low s."""
        signature = self._key.sign_msg_hash(digest)
        return bytes(signature.r.to_bytes(32) + signature.s.to_bytes(32) + bytes([signature.v + 27]))

    def sign_typed_data(self, typed_data: TypedData) -> bytes:
        return self.sign(typed_data.digest)


@dataclass(frozen=True)
class _Outside:
    """A KMS, a hardware key, a colleague's service. What it answers is checked before it is used."""

    address: str
    ask: Callable[[bytes, TypedData | None], str]
    name: str

    def sign(self, digest: bytes) -> bytes:
        return self._checked(digest, self.ask(digest, None))

    def sign_typed_data(self, typed_data: TypedData) -> bytes:
        digest = typed_data.digest
        return self._checked(digest, self.ask(digest, typed_data))

    def _checked(self, digest: bytes, answer: str) -> bytes:
        answer = answer.strip().removeprefix("0x")
        try:
            signature = bytes.fromhex(answer)
            signature = signature[:64] + bytes([signature[64] + 27]) if signature[64:] in {b"\0", b"\1"} else signature
            signed_by = recover_address(digest, signature)
        except (ValueError, SignatureError) as error:
            raise ConfigurationError(
                f"What {self.name} answered is no signature ({error}); it has to be r, s and v as 130 hex digits."
            ) from error
        if signed_by != self.address:
            raise ConfigurationError(
                f"{self.name} signed as {signed_by} instead of {self.address}; correct the signer's address or its key."
            )
        return signature


def _ask_command(config: CommandSigner, digest: bytes, typed_data: TypedData | None) -> str:
    """The digest goes in on standard input, as 0x and 64 hexadecimal digits; on the next line the data as JSON."""
    shown = "" if typed_data is None else f"{json.dumps(typed_data.to_dict())}\n"
    try:
        done = subprocess.run(
            config.command,
            input=f"0x{digest.hex()}\n{shown}",
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SignerUnavailableError(config.command[0], type(error).__name__) from None  # it quotes all arguments
    if done.returncode:
        raise SignerUnavailableError(config.command[0], f"exit status {done.returncode}")
    return done.stdout


def _ask_url(config: UrlSigner, digest: bytes, typed_data: TypedData | None) -> str:
    """POST `{"digest": "0x…", "address": "0x…", "typed_data": {…}}`; the answer is `{"signature": "0x…"}`."""
    import httpx

    headers = {"Authorization": f"Bearer {config.token.get_secret_value()}"} if config.token else {}
    body = {"digest": f"0x{digest.hex()}", "address": config.address}
    shown = {} if typed_data is None else {"typed_data": typed_data.to_dict()}
    try:
        answer = httpx.post(
            config.url.get_secret_value(), json={**body, **shown}, headers=headers, timeout=PATIENCE_SECONDS
        )
        answer.raise_for_status()
        return str(answer.json()["signature"])
    except httpx.HTTPStatusError as error:
        raise SignerUnavailableError(
            "the signing service", f"HTTP {error.response.status_code}"
        ) from None  # it quotes the URL
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise SignerUnavailableError("the signing service", type(error).__name__) from None
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise SignerUnavailableError("the signing service", "no `signature` in its answer") from error
