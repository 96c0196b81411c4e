"""The public log of trials and attestations: its name, its key, and who else vouches for it."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, field_validator

from teleprompt.config.message_keys import MessageKeyConfig
from teleprompt.encoding.secret_uri import SecretUri, of_the_web
from teleprompt.storage.blobs import refuse_credentials


class WitnessConfig(BaseModel):
    """Somebody who remembers what the log said, and signs what goes on from there (c2sp.org/tlog-witness)."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, hide_input_in_errors=True)

    url: Annotated[SecretUri, AfterValidator(of_the_web)]
    """Its submission prefix: `/add-checkpoint` is posted to below it."""
    key: str
    """Its verifier key, as it publishes it: `name+hexadecimal id+base64`."""


class PublicLogConfig(BaseModel):
    """The log of this installation."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, hide_input_in_errors=True)

    origin: str
    """Its name, for good: where it is served, without the scheme, such as `log.example.com/teleprompt`."""
    key: MessageKeyConfig | None = None
    """Signs its checkpoints: Ed25519. None: this process adds nothing."""
    witnesses: tuple[WitnessConfig, ...] = ()
    """Who is asked to cosign each checkpoint."""
    timestamp_url: Annotated[SecretUri, AfterValidator(of_the_web)] | None = None
    """A time-stamping authority (RFC 3161), which is asked to stamp each checkpoint."""
    mirror: str | None = None
    """Folder or bucket that a web server serves; gets a copy of the log's files."""

    @field_validator("origin")
    @classmethod
    def _is_a_name(cls, origin: str) -> str:
        if not origin or "+" in origin or any(character.isspace() for character in origin):
            raise ValueError("the log's name has no white space and no plus sign")
        return origin

    @field_validator("mirror")
    @classmethod
    def _no_secret(cls, mirror: str | None) -> str | None:
        if mirror is not None:
            refuse_credentials(mirror)
        return mirror
