"""What lies in MLflow is held against the record of what was issued, before anybody acts on it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from teleprompt.alerts.of_watch import alerts_of_attestations
from teleprompt.attest.codes import Code, UntrustedAttestationError
from teleprompt.attest.document import Attestation
from teleprompt.attest.issue import AttestationRecord, issue_attestation, serialize
from teleprompt.attest.signing import sign
from teleprompt.attest.stored import ATTESTATION_ARTIFACT, AttestationStore, keep_attestation, open_attestations
from teleprompt.config.files import load_program_file
from teleprompt.config.settings import Settings
from teleprompt.errors import ConfigurationError, TelepromptError
from teleprompt.queries.run_detail import read_detail
from teleprompt.registry.audit_trail import AuditAction, read_trail
from teleprompt.signing.signer import open_signer
from teleprompt.storage.blobs import put_blob
from teleprompt.tracking.connection import mlflow_client
from teleprompt.tracking.pipeline_run import PipelineRun
from teleprompt.tracking.run_key import RunKey
from tests.attest.documents import BODY, SIGNER, SIGNER_ADDRESS
from tests.support import WEEK, local_signer, write_program

STRANGER = local_signer("22" * 32)
THIEF = "0x000000000000000000000000000000000000dEaD"


@pytest.fixture
def signing(settings: Settings) -> Settings:
    return settings.model_copy(update={"signer": local_signer()})


def issue(settings: Settings, body: dict[str, Any] = BODY, *, run: str = "a") -> AttestationRecord:
    """Issue and keep an attestation with a pipeline run of its own."""
    record = issue_attestation(Attestation.compose(body), signers=settings.signers, storage_uri=settings.storage_uri)
    with mlflow_client(settings.tracking_uri) as client:
        key = RunKey(program=body["model_info"]["model_id"], window=WEEK, fingerprint=run * 64)
        keep_attestation(PipelineRun.open(client, key), record, frozenset())
    return record


def artifact(settings: Settings) -> Path:
    (file,) = Path(settings.tracking_uri.get_secret_value().removeprefix("sqlite:///")).parent.rglob(
        ATTESTATION_ARTIFACT
    )
    return file


def forged(**changes: Any) -> Attestation:
    alice, *others = BODY["contributors"]
    people = [{**alice, "address": THIEF}, *others]
    return Attestation.compose({**BODY, "contributors": people, **changes})


SWAPS: dict[str, Callable[[bytes], bytes]] = {
    "another document, unsigned": lambda _: serialize(forged()).encode(),
    "another document, signed by a stranger": lambda _: serialize(sign(forged(), [open_signer(STRANGER)])).encode(),
    "the document without its signature": lambda data: serialize(Attestation.compose(BODY)).encode(),
    "the document signed by a stranger": lambda _: serialize(
        sign(Attestation.compose(BODY), [open_signer(STRANGER)])
    ).encode(),
    "the document, a stranger's signature beside": lambda _: serialize(
        sign(Attestation.compose(BODY), [SIGNER, open_signer(STRANGER)])
    ).encode(),
    "content changed, hash kept": lambda data: data.replace(b'"trace_count": 10500', b'"trace_count": 10501'),
    "other bytes of the same document": lambda data: json.dumps(json.loads(data)).encode(),
    "no JSON": lambda _: b"{",
    "no UTF-8": lambda _: b"\xff",
    "nothing": lambda _: b"",
}


@pytest.mark.parametrize("swap", SWAPS.values(), ids=SWAPS)
@pytest.mark.parametrize("has_signer", [True, False], ids=["signed", "unsigned"])
def test_a_swapped_file_is_refused_alerted_and_written_down(
    settings: Settings, signing: Settings, tmp_path: Path, swap: Callable[[bytes], bytes], has_signer: bool
) -> None:
    own = signing if has_signer else settings
    record = issue(own)
    file = artifact(own)
    swapped = swap(file.read_bytes())
    if swapped == file.read_bytes():
        assert not has_signer  # without a signature there is none to take away
        return
    file.write_bytes(swapped)
    with open_attestations(own) as store:
        for name in (record.attestation_id, record.attestation_hash):
            with pytest.raises(UntrustedAttestationError, match="cannot be trusted"):
                store.find(name)
        with pytest.raises(UntrustedAttestationError):
            store.credits(*store.list(), "alice")
        (entry,) = [entry for entry in read_trail(store.client, "EmailDraft") if entry.deed is AuditAction.DISTRUST]
        assert record.attestation_hash in entry.about
        config = load_program_file(write_program(tmp_path / "programs", yaml="name: EmailDraft\n"))
        (alert,) = alerts_of_attestations(store, config)
        assert alert.title == "shelves: distrust"
        assert record.attestation_id in alert.text


def test_what_was_issued_is_found_byte_for_byte(signing: Settings) -> None:
    record = issue(signing)
    data = artifact(signing).read_bytes()
    with open_attestations(signing) as store:
        for name in (record.attestation_id, record.attestation_hash):
            assert store.find(name).data == data
        (stored,) = store.list()
        assert stored.attestation_hash == record.attestation_hash
        assert [store.credits(stored, name) for name in ("alice", "mallory")] == [True, False]
        assert read_trail(store.client, "EmailDraft") == []


def test_who_can_write_the_tags_too_cannot_sign(signing: Settings) -> None:
    """Whoever writes MLflow's database as well changes hash, id and digest to fit his document."""
    issue(signing)
    for document in (forged(), sign(forged(), [open_signer(STRANGER)])):
        data = serialize(document).encode()
        artifact(signing).write_bytes(data)
        with mlflow_client(signing.tracking_uri) as client:
            (stored,) = AttestationStore(client).list()
            run = PipelineRun(client, stored.run_id)
            run.tag(attestation_id=document.attestation_id, attestation_hash=document.attestation_hash)
            run.untag("attestation_digest") if run.is_tagged("attestation_digest") else None
        with open_attestations(signing) as store, pytest.raises(UntrustedAttestationError) as refused:
            store.find(document.attestation_hash)
        assert refused.value.code in {Code.SIGNATURE_MISSING, Code.SIGNER_UNTRUSTED}


def test_a_replaced_key_is_trusted_when_it_is_named(signing: Settings) -> None:
    record = issue(signing)
    replaced = signing.model_copy(update={"signer": STRANGER})
    with open_attestations(replaced) as store, pytest.raises(UntrustedAttestationError, match="TRUSTED_SIGNERS"):
        store.find(record.attestation_hash)
    named = replaced.model_copy(update={"trusted_signers": (SIGNER_ADDRESS,)})
    with open_attestations(named) as store:
        assert store.find(record.attestation_hash).attestation.proofs[0].signer == SIGNER_ADDRESS


def test_addresses_are_given_as_people_write_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TELEPROMPT_TRUSTED_SIGNERS", f"{SIGNER_ADDRESS}, {THIEF}")
    assert Settings().trusted_signers == (SIGNER_ADDRESS, THIEF)


def test_two_documents_that_share_an_id_are_told_apart(settings: Settings) -> None:
    """An id has 48 bits: somebody with two minutes of computing makes two documents with the same one."""
    first = issue(settings)
    second = issue(settings, {**BODY, "timestamp": "2026-01-16T12:00:00Z"}, run="b")
    with mlflow_client(settings.tracking_uri) as client:
        store = AttestationStore(client)
        run = PipelineRun(client, store.locate(second.attestation_hash).run_id)
        run.tag(attestation_id=first.attestation_id)
        with pytest.raises(ConfigurationError) as refused:
            store.find(first.attestation_id)
        assert first.attestation_hash in str(refused.value)
        assert second.attestation_hash in str(refused.value)
        assert store.find(first.attestation_hash).attestation.attestation_hash == first.attestation_hash


def test_a_run_keeps_no_other_document_than_before(signing: Settings) -> None:
    """A task that is tried again reads its record back, which lies where the document lies."""
    issue(signing)
    data = serialize(sign(forged(), [open_signer(STRANGER)])).encode()
    other = AttestationRecord(
        attestation_id=forged().attestation_id,
        attestation_hash=forged().attestation_hash,
        level="signed",
        blob=put_blob(signing.storage_uri, "attestations", data, suffix=".json"),
    )
    before = artifact(signing).read_bytes()
    with open_attestations(signing) as store:
        (stored,) = store.list()
        for signers in (store.trust.signers, frozenset[str]()):
            with pytest.raises(UntrustedAttestationError):
                keep_attestation(PipelineRun(store.client, stored.run_id), other, signers)
    assert artifact(signing).read_bytes() == before


def test_the_page_of_a_run_says_why_it_shows_no_document(signing: Settings) -> None:
    issue(signing)
    artifact(signing).write_bytes(serialize(forged()).encode())
    with open_attestations(signing) as store:
        (stored,) = store.list()
        detail = read_detail(store, stored.run_id)
    assert detail is not None
    assert detail.attestation is None
    assert "cannot be trusted" in str(detail.distrust)


def test_a_file_that_is_gone_is_alerted(settings: Settings, tmp_path: Path) -> None:
    record = issue(settings)
    artifact(settings).unlink()
    config = load_program_file(write_program(tmp_path / "programs", yaml="name: EmailDraft\n"))
    with open_attestations(settings) as store:
        with pytest.raises(TelepromptError, match="restore the run's artifacts"):
            store.find(record.attestation_id)
        assert [alert.event.value for alert in alerts_of_attestations(store, config)] == ["distrust"]
