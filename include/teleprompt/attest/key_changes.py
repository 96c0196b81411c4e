"""Changes of the published trust list: a key gets its time, a key or a document is revoked."""

from datetime import datetime
from typing import TYPE_CHECKING

from teleprompt.attest.codes import UntrustedAttestationError
from teleprompt.attest.published import Trust, publish, read_trust
from teleprompt.attest.stored import AttestationStore, IssuedAttestation
from teleprompt.attest.trust_list import KeyRevocation, ListedSigner, RevokedDocument, TrustList
from teleprompt.config.settings import Settings
from teleprompt.errors import ConfigurationError
from teleprompt.registry.audit_trail import AuditAction, AuditEvent, append
from teleprompt.signing.signer import addresses_of
from teleprompt.window import format_utc

if TYPE_CHECKING:
    from mlflow import MlflowClient


def publish_signer(
    settings: Settings,
    client: "MlflowClient",
    address: str,
    *,
    valid_from: datetime | None,
    valid_until: datetime | None,
    who: str,
    now: datetime,
) -> TrustList:
    """Publish from when and until when a key signs; what is not given stays as it is, or is from `now` on.

    Raises:
        ConfigurationError: it would end before it begins.
    """

    def change(before: TrustList) -> TrustList:
        known = before.find(address) or ListedSigner(address=address, valid_from=format_utc(now))
        changed = known.model_copy(
            update={
                "valid_from": known.valid_from if valid_from is None else format_utc(valid_from),
                "valid_until": known.valid_until if valid_until is None else format_utc(valid_until),
            }
        )
        if changed.valid_until is not None and _moment(changed.valid_until) <= _moment(changed.valid_from):
            raise ConfigurationError(
                f"{address} would sign until {changed.valid_until}, before it begins; correct --until."
            )
        return before.with_signer(changed)

    return publish(settings, client, change, who=who, now=now)


def revoke_signer(
    settings: Settings, client: "MlflowClient", address: str, *, at: datetime, why: str, who: str, now: datetime
) -> ListedSigner:
    """Revoke a key from `at` on. What it signed before stands if it is in MLflow now: it is named in the list.

    Raises:
        ConfigurationError: this installation signs with that key.
    """
    if address in addresses_of(settings.model_copy(update={"trusted_signers": ()})):
        raise ConfigurationError(
            f"{address} is the signer of this installation, and would have to sign its own revocation; make a new key "
            "with `teleprompt signer new` and name it in `teleprompt_signer` first."
        )
    trust = read_trust(settings, client)
    signers = trust.signers | {address} if trust.signers else trust.signers  # nobody need have published it before
    known = _signed_by(AttestationStore(client, Trust(signers, trust.trust_list)), address)
    hashes = {issued.attestation.attestation_hash: issued.attestation.decided_at < at for issued in known}

    def change(before: TrustList) -> TrustList:
        first = min((issued.attestation.decided_at for issued in known), default=at)
        entry = before.find(address) or ListedSigner(address=address, valid_from=format_utc(min(first, at)))
        named = dict.fromkeys(entry.revoked.documents, True) if entry.revoked else {}
        documents = sorted(digest for digest, stands in {**named, **hashes}.items() if stands)
        revoked = KeyRevocation(at=format_utc(at), why=why, documents=tuple(documents))
        return before.with_signer(entry.model_copy(update={"revoked": revoked}))

    published = publish(settings, client, change, who=who, now=now)
    for program in sorted({issued.stored.program for issued in known}):
        about = f"{address} in list {published.number}"
        append(
            client,
            program,
            AuditEvent(deed=AuditAction.REVOKE_SIGNER, who=who, about=about, after=_facts(published, why)),
        )
    entry = published.find(address)
    assert entry is not None  # noqa: S101 - it was put in
    return entry


def revoke_document(
    settings: Settings, client: "MlflowClient", issued: IssuedAttestation, *, why: str, who: str, now: datetime
) -> TrustList:
    """Publish that a document is not stood by any more."""
    revoked = RevokedDocument(attestation_hash=issued.attestation.attestation_hash, at=format_utc(now), why=why)
    published = publish(settings, client, lambda before: before.with_document(revoked), who=who, now=now)
    about = f"{revoked.attestation_hash} in list {published.number}"
    append(
        client,
        issued.stored.program,
        AuditEvent(deed=AuditAction.REVOKE, who=who, about=about, after=_facts(published, why)),
    )
    return published


def _signed_by(store: AttestationStore, address: str) -> list[IssuedAttestation]:
    """What the key has signed and is in MLflow, as it was issued."""
    found = []
    for stored in store.list():
        try:
            issued = store.open_issued(stored)
        except UntrustedAttestationError:
            continue  # it is in the audit trail
        if address in {proof.signer for proof in issued.attestation.proofs}:
            found.append(issued)
    return found


def _facts(published: TrustList, why: str) -> dict[str, str | int]:
    return {"why": why, "list": published.number, "digest": published.digest}


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
