"""The trust list: which keys could sign when, and what was revoked. Who issues documents publishes it.

A document's time is its signer's word, so after a theft it tells nothing: the thief writes documents of last year. A
revoked key therefore stands for those documents alone that the list names, which were known before.
"""

from datetime import datetime
from functools import partial
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, ValidationError

from teleprompt.attest.codes import Code, InvalidAttestationError
from teleprompt.attest.document import MAX_SIGNERS, PROOF, Attestation, Proof
from teleprompt.attest.load import strict_json
from teleprompt.attest.section import Address, Count, Moment, Section, Text
from teleprompt.encoding.canonical_json import digest_of
from teleprompt.errors import ConfigurationError
from teleprompt.records import Digest
from teleprompt.transparency.note import COSIGNATURE, LOG, NoteError, NoteKey

MAX_LISTED = 1_000
MAX_DOCUMENTS = 10_000
Standing = tuple[Code, str]
"""Why a signature does not count."""


class KeyRevocation(Section):
    """That a key is in the wrong hands, or may be."""

    at: Moment
    """From when on."""
    why: Text
    documents: Annotated[tuple[Digest, ...], Field(strict=False, max_length=MAX_DOCUMENTS)]
    """Hashes of what it had signed before, which stands."""


class ListedSigner(Section):
    """One key, and its time: `[valid_from, valid_until)`."""

    address: Address
    valid_from: Moment
    valid_until: Moment | None = None
    """None: it is in use."""
    revoked: KeyRevocation | None = None

    absent = frozenset({"valid_until", "revoked"})

    def is_valid_at(self, moment: datetime) -> bool:
        """Whether that is in its time."""
        begun = datetime.fromisoformat(self.valid_from) <= moment
        return begun and (self.valid_until is None or moment < datetime.fromisoformat(self.valid_until))

    def why_not(self, attestation: Attestation, log: "ListedLog | None", logged_by: str | None) -> Standing | None:
        """Why its signature on that document does not count; None if it does.

        Of a key with an end the document's own time is not enough where there is a `log` that witnesses watch: it must
        have been there before, as of `logged_by`.
        """
        decided, until = attestation.decided_at, self.valid_until
        if self.revoked is not None and attestation.attestation_hash not in self.revoked.documents:
            since = "and the document is not among those known before"
            if decided >= datetime.fromisoformat(self.revoked.at):
                since = f"from {self.revoked.at} on"
            return Code.SIGNER_REVOKED, f"{self.address} was revoked ({self.revoked.why}), {since}"
        if not self.is_valid_at(decided):
            time = f"from {self.valid_from}" + (f" until {until}" if until else "")
            return (
                Code.SIGNER_OUT_OF_TIME,
                f"{self.address} signs {time}, and it is of {attestation.timestamp}",
            )
        if until is None or log is None or not log.witnesses:
            return None
        if logged_by is None or datetime.fromisoformat(logged_by) >= datetime.fromisoformat(until):
            shown = f"it was in the log by {logged_by} only" if logged_by else "no witnessed proof shows it in the log"
            return Code.SIGNER_OUT_OF_TIME, f"{self.address} signs until {until}, and {shown}"
        return None


def _is_key(kind: int, text: str) -> str:
    try:
        key = NoteKey.parse(text)
    except NoteError as error:
        raise ValueError(str(error)) from error
    if key.kind != kind:
        raise ValueError(f"a key of type {kind} is wanted, and it is of type {key.kind}")
    return text


LogKey = Annotated[str, Field(max_length=400), AfterValidator(partial(_is_key, LOG))]
WitnessKey = Annotated[str, Field(max_length=400), AfterValidator(partial(_is_key, COSIGNATURE))]


class ListedLog(Section):
    """The public log that the documents are in, and who watches it."""

    key: LogKey
    """Its verifier key."""
    witnesses: Annotated[tuple[WitnessKey, ...], Field(strict=False, max_length=MAX_SIGNERS)]
    """Verifier keys; one of them is enough to say when something was there."""


class RevokedDocument(Section):
    """A document that who issued it does not stand by any more."""

    attestation_hash: Digest
    at: Moment
    why: Text


class TrustList(Section):
    """The whole list; each that is published has the next number."""

    list_type: Literal["teleprompt_signers"]
    signers_version: Literal["1.0"]
    number: Annotated[Count, Field(ge=1)]
    published_at: Moment
    signers: Annotated[tuple[ListedSigner, ...], Field(strict=False, max_length=MAX_LISTED)]
    revoked_documents: Annotated[tuple[RevokedDocument, ...], Field(strict=False, max_length=MAX_DOCUMENTS)]
    proof: Annotated[tuple[Proof, ...], Field(strict=False, max_length=MAX_SIGNERS)] = ()
    """Who published it; empty where nobody signs."""
    log: ListedLog | None = None
    """None: there is no log, and keys that ended are believed about the past."""

    absent = frozenset({"log"})

    @property
    def digest(self) -> Digest:
        """SHA-256 of the RFC 8785 form without `proof`; what is signed."""
        return digest_of({name: value for name, value in self.to_dict().items() if name != PROOF})

    @property
    def addresses(self) -> frozenset[str]:
        """Of all keys, whatever became of them."""
        return frozenset(signer.address for signer in self.signers)

    def to_dict(self) -> dict[str, Any]:
        """The list as plain JSON values."""
        return self.model_dump(mode="json")

    def find(self, address: str) -> ListedSigner | None:
        """The entry of a key."""
        return next((signer for signer in self.signers if signer.address == address), None)

    def with_signer(self, signer: ListedSigner) -> Self:
        """With another entry for the key, or a new one."""
        others = tuple(one for one in self.signers if one.address != signer.address)
        return self.model_copy(update={"signers": (*others, signer)})

    def with_document(self, revoked: RevokedDocument) -> Self:
        """With a document that is revoked; once."""
        if any(one.attestation_hash == revoked.attestation_hash for one in self.revoked_documents):
            return self
        return self.model_copy(update={"revoked_documents": (*self.revoked_documents, revoked)})


def load_trust_list(data: bytes, name: str) -> TrustList:
    """The list in a verifier's own file, called `name`.

    Raises:
        ConfigurationError: it is none, or names a key twice.
    """
    try:
        found = TrustList.model_validate(strict_json(data))
    except (InvalidAttestationError, ValidationError) as error:
        said = str(error) if isinstance(error, InvalidAttestationError) else _first(error)
        raise ConfigurationError(f"{name} is no list of signers ({said}); take the one that is published.") from error
    if len(found.addresses) < len(found.signers):
        raise ConfigurationError(f"{name} names a signer twice; take the one that is published.")
    return found


def _first(error: ValidationError) -> str:
    fault = error.errors(include_url=False, include_input=False)[0]
    return ascii(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}")[1:-1][:200]


def check_not_revoked(attestation: Attestation, trust_list: TrustList) -> None:
    """Refuse a document that was revoked, whoever signed it.

    Raises:
        InvalidAttestationError: `DOCUMENT_REVOKED`.
    """
    for revoked in trust_list.revoked_documents:
        if revoked.attestation_hash == attestation.attestation_hash:
            raise InvalidAttestationError(Code.DOCUMENT_REVOKED, f"it was revoked {revoked.at} ({revoked.why})")


def in_standing(
    attestation: Attestation, signers: list[str], trust_list: TrustList, logged_by: str | None
) -> dict[str, Standing | None]:
    """Each of the signers, with why his signature does not count; None where it does, or the list does not know him.

    `logged_by` is when the document was in the log at the latest, as its witnesses say.
    """
    listed, log = {signer: trust_list.find(signer) for signer in signers}, trust_list.log
    return {
        signer: None if entry is None else entry.why_not(attestation, log, logged_by)
        for signer, entry in listed.items()
    }
