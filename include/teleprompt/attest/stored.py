"""Attestations as they lie in MLflow: the exact bytes, with the pipeline run that issued them.

Nothing that is read here is believed because it is stored. Who can write MLflow's artifacts could swap a document, so
each is held against the hash, the id and the digest of its bytes that its run's tags have in MLflow's database, and
against its signatures and the addresses that may sign here, before anybody pays, signs, sends or shows it. So is what
became of it and of its signers since.
"""

import logging
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

from teleprompt.attest.codes import Code, RevokedAttestationError, UntrustedAttestationError
from teleprompt.attest.document import Attestation
from teleprompt.attest.issue import AttestationRecord
from teleprompt.attest.load import load_attestation
from teleprompt.attest.public_log import own_proof
from teleprompt.attest.published import Trust, read_trust
from teleprompt.attest.verify import verify_attestation
from teleprompt.config.settings import Settings
from teleprompt.encoding.canonical_json import sha256_hex
from teleprompt.environment import system_user
from teleprompt.errors import ConfigurationError, TelepromptError
from teleprompt.records import Digest, Record
from teleprompt.registry.audit_trail import AuditAction, AuditEvent, append
from teleprompt.storage.blobs import get_blob
from teleprompt.tracking.connection import mlflow_client, quoted
from teleprompt.tracking.pipeline_run import PipelineRun
from teleprompt.tracking.search import search_own_runs

if TYPE_CHECKING:
    from mlflow import MlflowClient


log = logging.getLogger(__name__)

ATTESTATION_ARTIFACT = "attestation.json"
REVOKED = "revoked"
"""The tag `chain_state` of an attestation that was taken back."""


class StoredAttestation(Record):
    """An attestation as it lies in MLflow."""

    attestation_id: str
    attestation_hash: str
    program: str
    window_start: str
    window_end: str
    run_id: str
    chain_state: str | None
    """Where it is on the chain, as last seen; None if nowhere."""
    file_digest: Digest | None = None
    """SHA-256 of its exact bytes, signatures included; None for one that was kept before that was written down."""


@dataclass(frozen=True)
class IssuedAttestation:
    """A stored attestation that is what was issued here."""

    stored: StoredAttestation
    attestation: Attestation
    data: bytes
    """The exact bytes."""


def keep_attestation(run: PipelineRun, record: AttestationRecord, signers: Collection[str]) -> Attestation:
    """Keep the exact bytes of an attestation with the pipeline run, which is over with that; the document.

    Raises:
        UntrustedAttestationError: the record names another document than its bytes hold, or than the run kept before.
    """
    data = get_blob(record.blob)
    kept = run.client.get_run(run.run_id).data.tags.get("teleprompt.attestation_hash", record.attestation_hash)
    attestation = _check(data, record.attestation_id, kept, run_id=run.run_id, signers=signers)
    run.write_text(ATTESTATION_ARTIFACT, data.decode())
    run.tag(
        attestation_id=record.attestation_id,
        attestation_hash=record.attestation_hash,
        attestation_digest=sha256_hex(data),
    )
    run.end()
    return attestation


@dataclass(frozen=True)
class AttestationStore:
    """The attestations that an MLflow holds."""

    client: "MlflowClient" = field(compare=False)
    trust: Trust = field(default_factory=Trust)

    def list(self, *, program: str | None = None) -> "list[StoredAttestation]":
        """Where they are, newest first; with `program` those of one. None of them is opened."""
        condition = "tags.`teleprompt.attestation_id` != ''"
        if program is not None:
            condition += f" AND tags.`teleprompt.program` = {quoted(program)}"
        return [_stored(run) for run in search_own_runs(self.client, condition)]

    def find(self, id_or_hash: str) -> IssuedAttestation:
        """The attestation with that id or hash.

        Raises:
            ConfigurationError: there is none, or several share the id.
            RevokedAttestationError: it was taken back, or its signer does not stand for it.
            UntrustedAttestationError: it is not what was issued here.
            TelepromptError: its bytes are gone.
        """
        return self.open(self.locate(id_or_hash))

    def find_issued(self, id_or_hash: str) -> IssuedAttestation:
        """The attestation with that id or hash, whatever became of it and of its signer since.

        Raises:
            ConfigurationError: there is none, or several share the id.
            UntrustedAttestationError: it is not what was issued here.
            TelepromptError: its bytes are gone.
        """
        return self.open_issued(self.locate(id_or_hash))

    def locate(self, id_or_hash: str) -> StoredAttestation:
        """Where the attestation with that id or hash lies.

        An id has 48 bits only, so that somebody can make two documents that share one; a hash names one document.

        Raises:
            ConfigurationError: there is none, or several share the id.
        """
        for tag in ("attestation_hash", "attestation_id"):
            runs = search_own_runs(self.client, f"tags.`teleprompt.{tag}` = {quoted(id_or_hash)}")
            found = {stored.attestation_hash: stored for stored in map(_stored, runs)}
            if len(found) > 1:
                raise ConfigurationError(
                    f"Several attestations have the id {id_or_hash}; name one by its hash: {', '.join(sorted(found))}."
                )
            if found:
                return next(iter(found.values()))
        raise ConfigurationError(
            f"There is no attestation {id_or_hash!r}; `teleprompt attest list` shows those there are."
        )

    def of_run(self, run_id: str) -> IssuedAttestation | None:
        """What a pipeline run issued, read now and checked; None if it issued nothing.

        Raises:
            RevokedAttestationError: it was taken back, or its signer does not stand for it.
            UntrustedAttestationError: it is not what was issued here.
            TelepromptError: its bytes are gone.
        """
        run = self.client.get_run(run_id)
        return self.open(_stored(run)) if "teleprompt.attestation_id" in run.data.tags else None

    def open(self, stored: StoredAttestation) -> IssuedAttestation:
        """A listed attestation, read now and checked.

        Raises:
            RevokedAttestationError: it was taken back, or its signer does not stand for it.
            UntrustedAttestationError: it is not what was issued here.
            TelepromptError: its bytes are gone.
        """
        issued = self.open_issued(stored)
        _check_standing(issued, self.trust)
        return issued

    def open_issued(self, stored: StoredAttestation) -> IssuedAttestation:
        """A listed attestation, read now and checked, whatever became of it and of its signer since.

        Raises:
            UntrustedAttestationError: it is not what was issued here; that is in the audit trail then.
            TelepromptError: its bytes are gone.
        """
        data = _read(self.client, stored)
        try:
            attestation = _check(
                data,
                stored.attestation_id,
                stored.attestation_hash,
                digest=stored.file_digest,
                run_id=stored.run_id,
                signers=self.trust.signers,
            )
        except UntrustedAttestationError as error:
            _write_down(self.client, stored, data, error)
            raise
        return IssuedAttestation(stored=stored, attestation=attestation, data=data)

    def open_once(self, stored: StoredAttestation) -> IssuedAttestation:
        """The same for lists over many attestations: each is read and checked once by a process, for they never change.

        Not for whoever pays, signs or sends.
        """
        return _open_once(self, self.client.tracking_uri, stored)

    def credits(self, stored: StoredAttestation, contributor: str) -> bool:
        """Whether a listed attestation credits a contributor, by id or address, also if it was revoked.

        Raises:
            UntrustedAttestationError: what it says is believed only after a check.
        """
        people = _issued_once(self, self.client.tracking_uri, stored).attestation.contributors
        return any(contributor in {person.contributor_id, person.address} for person in people)


@contextmanager
def open_attestations(settings: Settings) -> Iterator[AttestationStore]:
    """The attestations of the MLflow that the settings name, held against the addresses that they trust."""
    with mlflow_client(settings.tracking_uri) as client:
        yield AttestationStore(client, read_trust(settings, client))


@lru_cache(maxsize=500)
def _issued_once(store: AttestationStore, tracking_uri: str, stored: StoredAttestation) -> IssuedAttestation:
    del tracking_uri  # as below
    return store.open_issued(stored)


@lru_cache(maxsize=500)
def _open_once(store: AttestationStore, tracking_uri: str, stored: StoredAttestation) -> IssuedAttestation:
    del tracking_uri  # it makes the stores of two MLflows two
    return store.open(stored)


def _check(
    data: bytes,
    attestation_id: str,
    attestation_hash: str,
    *,
    run_id: str,
    signers: Collection[str],
    digest: Digest | None = None,
) -> Attestation:
    """The document in `data`, if it is the one with that id and hash, byte for byte, and is signed as it has to be."""
    found = verify_attestation(data, trusted_signers=signers)
    if not found.valid:
        raise UntrustedAttestationError(attestation_id, run_id, found.code, found.detail)
    attestation, _ = load_attestation(data)
    if (attestation.attestation_id, attestation.attestation_hash) != (attestation_id, attestation_hash):
        detail = f"its file holds another document, {attestation.attestation_hash}"
        raise UntrustedAttestationError(attestation_id, run_id, Code.HASH_MISMATCH, detail)
    if digest is not None and sha256_hex(data) != digest:
        detail = "its file holds the same document with other bytes or signatures"
        raise UntrustedAttestationError(attestation_id, run_id, Code.HASH_MISMATCH, detail)
    return attestation


def _check_standing(issued: IssuedAttestation, trust: Trust) -> None:
    """Refuse what was revoked, in the published list or on the chain, and what a signer out of his time has signed."""
    stored = issued.stored
    if stored.chain_state == REVOKED:
        code, detail = Code.DOCUMENT_REVOKED, "it was revoked on the chain"
        raise RevokedAttestationError(stored.attestation_id, stored.run_id, code, detail)
    if trust.trust_list is not None:
        check = partial(verify_attestation, issued.data, trusted_signers=trust.signers, trust_list=trust.trust_list)
        found = check()
        if found.code is Code.SIGNER_OUT_OF_TIME and trust.log is not None:  # of a key that ended it may show more
            found = check(log_proof=own_proof(trust.log, issued.attestation))
        if not found.valid:
            raise RevokedAttestationError(stored.attestation_id, stored.run_id, found.code, found.detail)


def _read(client: "MlflowClient", stored: StoredAttestation) -> bytes:
    data = PipelineRun(client, stored.run_id).read_bytes(ATTESTATION_ARTIFACT)
    if data is None:
        raise TelepromptError(
            f"The attestation {stored.attestation_id} is missing in the MLflow run {stored.run_id}; restore the run's "
            "artifacts from their backup."
        )
    return data


def _write_down(
    client: "MlflowClient", stored: StoredAttestation, data: bytes, error: UntrustedAttestationError
) -> None:
    """Once for what was found, whoever meets it how often."""
    about = f"{stored.attestation_hash} {sha256_hex(data)}"
    facts = {"run_id": stored.run_id, "code": error.code.value}
    try:
        append(
            client, stored.program, AuditEvent(deed=AuditAction.DISTRUST, who=system_user(), about=about, after=facts)
        )
    except TelepromptError:
        log.exception("That an attestation of %s cannot be trusted is not in the audit trail", stored.program)


def _stored(run: Any) -> StoredAttestation:
    tags = run.data.tags
    return StoredAttestation(
        attestation_id=tags["teleprompt.attestation_id"],
        attestation_hash=tags["teleprompt.attestation_hash"],
        program=tags["teleprompt.program"],
        window_start=tags["teleprompt.window_start"],
        window_end=tags["teleprompt.window_end"],
        run_id=run.info.run_id,
        chain_state=tags.get("teleprompt.chain_state"),
        file_digest=tags.get("teleprompt.attestation_digest"),
    )
