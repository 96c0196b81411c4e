"""Who signs attestations and transactions."""

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

from teleprompt.encoding.addresses import checksum_address
from teleprompt.encoding.secret_uri import SecretUri, of_the_web

Address = Annotated[str, AfterValidator(checksum_address)]


class _Signer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, hide_input_in_errors=True)


class KeystoreSigner(_Signer):
    """An encrypted Ethereum keystore (Web3 Secret Storage v3) and the password that opens it."""

    keystore: dict[str, Any] = Field(repr=False)
    """The keystore itself, as JSON; a path to it only in the connection."""
    password: SecretStr


class CommandSigner(_Signer):
    """A command that reads `0x<digest>` from standard input, on a second line the EIP-712 typed data that it is of, and
    prints the signature: hardware, a KMS's client. Transactions have no second line."""

    address: Address
    command: tuple[str, ...] = Field(min_length=1, repr=False)
    """The program and its arguments, as a JSON list; no shell reads them."""


class UrlSigner(_Signer):
    """A service that is posted `{"digest", "address", "typed_data"}` and answers `{"signature"}`; transactions come
    without `typed_data`."""

    address: Address
    url: Annotated[SecretUri, AfterValidator(of_the_web)]
    token: SecretStr | None = None
    """Sent as bearer."""


SignerConfig = KeystoreSigner | CommandSigner | UrlSigner
