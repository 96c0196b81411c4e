"""Keys that sign messages: Ed25519 or ECDSA over P-256, for the public log and for envelopes."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

from teleprompt.encoding.secret_uri import SecretUri, of_the_web


class _MessageKey(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, hide_input_in_errors=True)


class PemKey(_MessageKey):
    """A private key as PEM (PKCS #8), and the password that opens it."""

    pem: SecretStr
    """The text itself; a path to it only in the connection."""
    password: SecretStr | None = None


class CommandKey(_MessageKey):
    """A command that reads a message from standard input and prints its signature as base64: hardware, a KMS's
    client."""

    public_key: str = Field(repr=False)
    """As PEM."""
    command: tuple[str, ...] = Field(min_length=1, repr=False)
    """The program and its arguments, as a JSON list; no shell reads them."""


class UrlKey(_MessageKey):
    """A service that is posted `{"message", "public_key"}` and answers `{"signature"}`; message and signature are
    base64."""

    public_key: str = Field(repr=False)
    """As PEM."""
    url: Annotated[SecretUri, AfterValidator(of_the_web)]
    token: SecretStr | None = None
    """Sent as bearer."""


MessageKeyConfig = PemKey | CommandKey | UrlKey
"""ECDSA's signatures in DER, Ed25519's as its 64 bytes."""
