"""Attestations as they lie in MLflow: the exact bytes, with the pipeline run that issued them."""

import json
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from include.teleprompt.attest.issue import AttestationRecord
from include.teleprompt.errors import ConfigurationError, TelepromptError
from include.teleprompt.records import Record
from include.teleprompt.storage import get_blob
from include.teleprompt.tracking.connection import quoted
from include.teleprompt.tracking.pipeline_run import PipelineRun
from include.teleprompt.tracking.search import search_own_runs

ATTESTATION_ARTIFACT = "attestation.json"


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


def keep_attestation(run: PipelineRun, record: AttestationRecord) -> None:
    """Keep the exact bytes of an attestation with the pipeline run, which is over with that."""
    run.write_text(ATTESTATION_ARTIFACT, get_blob(record.blob).decode())
    run.tag(attestation_id=record.attestation_id, attestation_hash=record.attestation_hash)
    run.end()


def list_attestations(
    client: Any, *, program: str | None = None, contributor: str | None = None
) -> list[StoredAttestation]:
    """The attestations, newest first: of one program, or that credit one contributor (an id or an address)."""
    condition = "tags.`teleprompt.attestation_id` != ''"
    if program is not None:
        condition += f" AND tags.`teleprompt.program` = {quoted(program)}"
    found = [_stored(run) for run in search_own_runs(client, condition)]
    if contributor is None:
        return found
    return [stored for stored in found if contributor in _credited(client, stored)]


def _credited(client: Any, stored: StoredAttestation) -> set[str]:
    """Ids and addresses of those whom an attestation credits."""
    people = json.loads(read_known(client, stored))["contributors"]
    return {person[key] for person in people for key in ("contributor_id", "address")}


def read_stored(client: Any, stored: StoredAttestation) -> bytes:
    """The exact bytes of a listed attestation, as they lie in MLflow now.

    Raises:
        TelepromptError: they are gone.
    """
    text = PipelineRun(client, stored.run_id).read_text(ATTESTATION_ARTIFACT)
    if text is None:
        raise TelepromptError(
            f"The attestation {stored.attestation_id} is missing in the MLflow run {stored.run_id}; restore the run's "
            "artifacts from their backup."
        )
    return text.encode()


def read_known(client: Any, stored: StoredAttestation) -> bytes:
    """The same, for lists over many attestations: each is read once by a process, for they never change.

    Not for whoever verifies one.
    """
    return _read_once(_Place(client.tracking_uri, stored, client))


@dataclass(frozen=True)
class _Place:
    """Where an attestation lies; each reading takes MLflow a twentieth of a second."""

    tracking_uri: str
    stored: StoredAttestation
    client: Any = field(compare=False)


@lru_cache(maxsize=500)
def _read_once(place: _Place) -> bytes:
    return read_stored(place.client, place.stored)


def read_attestation(client: Any, attestation_id: str) -> bytes:
    """The exact bytes of the attestation with that id or hash.

    Raises:
        ConfigurationError: there is none.
        TelepromptError: its bytes are gone.
    """
    return find_attestation(client, attestation_id)[1]


def find_attestation(client: Any, attestation_id: str) -> tuple[StoredAttestation, bytes]:
    """The attestation with that id or hash: where it is kept, and its exact bytes.

    Raises:
        ConfigurationError: there is none.
        TelepromptError: its bytes are gone.
    """
    wanted = quoted(attestation_id)
    for tag in ("attestation_id", "attestation_hash"):
        for run in search_own_runs(client, f"tags.`teleprompt.{tag}` = {wanted}", limit=1):
            stored = _stored(run)
            return stored, read_stored(client, stored)
    raise ConfigurationError(
        f"There is no attestation {attestation_id!r}; `teleprompt attest list` shows those there are."
    )


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
    )
