"""A key is rotated, stolen and revoked, and a document taken back: what this installation does with what was signed."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from teleprompt.alerts.of_watch import alerts_of_attestations
from teleprompt.attest.codes import Code, UntrustedAttestationError
from teleprompt.attest.document import Attestation
from teleprompt.attest.issue import serialize
from teleprompt.attest.key_changes import publish_signer, revoke_document, revoke_signer
from teleprompt.attest.published import (
    TRAIL,
    Trust,
    check_may_sign,
    publish,
    read_published,
    read_trust,
    serialize_list,
)
from teleprompt.attest.signing import sign
from teleprompt.attest.stored import open_attestations
from teleprompt.attest.trust_list import TrustList
from teleprompt.attest.trust_list_signing import list_signers, sign_list
from teleprompt.attest.verify import verify_attestation
from teleprompt.config.files import load_program_file
from teleprompt.config.settings import Settings
from teleprompt.errors import ConfigurationError, TelepromptError
from teleprompt.health import examine
from teleprompt.registry.audit_trail import AuditAction, find_gaps, read_trail
from teleprompt.tracking.connection import mlflow_client
from teleprompt.tracking.pipeline_run import PipelineRun
from tests.attest.documents import BODY, SIGNER, SIGNER_ADDRESS
from tests.attest.test_stored import STRANGER, issue
from tests.support import local_signer, write_program

OLD = SIGNER_ADDRESS
NEW = "0x1563915e194D8CfBA1943570603F7606A3115508"
START, TURN, NOW = (datetime(2026, month, 1, tzinfo=UTC) for month in (1, 2, 3))
AFTER_THE_TURN = {**BODY, "timestamp": "2026-02-15T12:00:00Z"}


@pytest.fixture
def old(settings: Settings) -> Settings:
    return settings.model_copy(update={"signer": local_signer()})


@pytest.fixture
def new(settings: Settings) -> Settings:
    """After the key was replaced; the settings name the old one nowhere."""
    return settings.model_copy(update={"signer": STRANGER})


def published_at(settings: Settings, address: str, *, since: datetime, until: datetime | None = None) -> TrustList:
    with mlflow_client(settings.tracking_uri) as client:
        return publish_signer(settings, client, address, valid_from=since, valid_until=until, who="ana", now=NOW)


def revoke(settings: Settings, address: str, *, at: datetime) -> None:
    with mlflow_client(settings.tracking_uri) as client:
        revoke_signer(settings, client, address, at=at, why="found in a repository", who="ana", now=NOW)


def listed_in(settings: Settings) -> TrustList | None:
    with mlflow_client(settings.tracking_uri) as client:
        return read_published(settings, client)


def trust_of(settings: Settings) -> Trust:
    with mlflow_client(settings.tracking_uri) as client:
        return read_trust(settings, client)


def check_signs(settings: Settings, at: datetime) -> None:
    with mlflow_client(settings.tracking_uri) as client:
        check_may_sign(settings, client, at=at)


def list_files(settings: Settings) -> list[Path]:
    folder = Path(settings.storage_uri.removeprefix("file://")) / "signers"
    return sorted(folder.glob("*.json"), key=lambda file: json.loads(file.read_text())["number"])


def code_of(settings: Settings, attestation_hash: str) -> Code:
    """What somebody who wants to pay is told."""
    with open_attestations(settings) as store:
        try:
            store.find(attestation_hash)
        except UntrustedAttestationError as error:
            return error.code
    return Code.OK


def test_a_key_is_rotated(old: Settings, new: Settings) -> None:
    first = issue(old)
    published_at(old, OLD, since=START)
    assert code_of(new, first.attestation_hash) is Code.SIGNER_UNTRUSTED  # the new key vouches for nothing yet
    published_at(new, OLD, since=START, until=TURN)
    listed = published_at(new, NEW, since=TURN)
    second = issue(new, AFTER_THE_TURN, run="b")
    assert listed.number == 3
    assert list_signers(listed) == (NEW,)
    assert [code_of(new, one.attestation_hash) for one in (first, second)] == [Code.OK, Code.OK]
    late = issue(old, {**AFTER_THE_TURN, "timestamp": "2026-02-16T12:00:00Z"}, run="c")
    assert code_of(new, late.attestation_hash) is Code.SIGNER_OUT_OF_TIME


def test_a_key_is_stolen_and_revoked(old: Settings, new: Settings, tmp_path: Path) -> None:
    genuine, later = issue(old), issue(old, AFTER_THE_TURN, run="b")
    published_at(old, OLD, since=START)
    published_at(new, NEW, since=TURN)
    revoke(new, OLD, at=TURN)

    dated_back = sign(Attestation.compose({**BODY, "timestamp": "2026-01-16T12:00:00Z"}), [SIGNER])
    listed = listed_in(new)
    assert listed is not None
    found = verify_attestation(serialize(dated_back).encode(), trusted_signers=listed.addresses, trust_list=listed)
    assert found.code is Code.SIGNER_REVOKED
    assert [code_of(new, one.attestation_hash) for one in (genuine, later)] == [Code.OK, Code.SIGNER_REVOKED]

    with open_attestations(new) as store:
        (entry,) = [
            entry for entry in read_trail(store.client, "EmailDraft") if entry.deed is AuditAction.REVOKE_SIGNER
        ]
        assert (entry.who, entry.after["why"], entry.after["list"]) == ("ana", "found in a repository", 3)
        config = load_program_file(write_program(tmp_path / "programs", yaml="name: EmailDraft\n"))
        (alert,) = alerts_of_attestations(store, config)
        assert later.attestation_id in alert.text
        assert store.find_issued(later.attestation_hash).attestation.attestation_id == later.attestation_id


def test_what_a_revoked_key_signed_stands_only_as_far_as_it_was_known(old: Settings, new: Settings) -> None:
    known = issue(old)
    revoke(new, OLD, at=TURN)
    forged = issue(old, {**BODY, "timestamp": "2026-01-16T12:00:00Z"}, run="b")  # with MLflow's database, too
    assert [code_of(new, one.attestation_hash) for one in (known, forged)] == [Code.OK, Code.SIGNER_REVOKED]
    earlier = datetime(2026, 1, 10, tzinfo=UTC)  # it turns out that it leaked before
    revoke(new, OLD, at=earlier)
    assert code_of(new, known.attestation_hash) is Code.SIGNER_REVOKED


def test_the_key_that_signs_cannot_be_revoked(old: Settings) -> None:
    with pytest.raises(ConfigurationError, match="signer new"):
        revoke(old, OLD, at=TURN)
    assert listed_in(old) is None


def test_nothing_is_signed_with_a_key_out_of_its_time(old: Settings, new: Settings) -> None:
    check_signs(old, at=NOW)
    published_at(old, OLD, since=START, until=TURN)
    check_signs(old, at=TURN - timedelta(seconds=1))
    with pytest.raises(ConfigurationError, match="signs here out of its time at 2026-02-01"):
        check_signs(old, at=TURN)
    revoke(new, OLD, at=TURN)
    with pytest.raises(ConfigurationError, match="is revoked"):
        check_signs(old, at=START)
    (finding,) = examine(old, ["signer"])
    assert (finding.ok, "is revoked" in finding.detail) == (False, True)


def test_a_document_is_taken_back(old: Settings, tmp_path: Path) -> None:
    first, second = issue(old), issue(old, AFTER_THE_TURN, run="b")
    with open_attestations(old) as store:
        issued = store.find(first.attestation_hash)
        for _ in range(2):
            listed = revoke_document(old, store.client, issued, why="labels were wrong", who="ana", now=NOW)
        assert len(listed.revoked_documents) == 1
    assert [code_of(old, one.attestation_hash) for one in (first, second)] == [Code.DOCUMENT_REVOKED, Code.OK]
    with open_attestations(old) as store:
        config = load_program_file(write_program(tmp_path / "programs", yaml="name: EmailDraft\n"))
        assert alerts_of_attestations(store, config) == []
        assert {entry.deed for entry in read_trail(store.client, "EmailDraft")} == {AuditAction.REVOKE}


def test_what_was_revoked_on_the_chain_is_refused(old: Settings) -> None:
    record = issue(old)
    with open_attestations(old) as store:
        PipelineRun(store.client, store.locate(record.attestation_id).run_id).tag(chain_state="revoked")
    assert code_of(old, record.attestation_hash) is Code.DOCUMENT_REVOKED


def test_a_list_that_nobody_signed_adds_nobody_and_still_refuses(old: Settings, new: Settings) -> None:
    record = issue(old)
    published_at(old, OLD, since=START)
    assert code_of(new, record.attestation_hash) is Code.SIGNER_UNTRUSTED  # nobody here vouches for that list
    nobody = new.model_copy(update={"signer": None})
    with mlflow_client(nobody.tracking_uri) as client:
        listed = publish(nobody, client, lambda before: before, who="somebody", now=NOW)
    assert listed.proof == ()
    assert trust_of(new).signers == {NEW}
    revoke(new, OLD, at=START)
    trusting = old.model_copy(update={"signer": STRANGER, "trusted_signers": (OLD,)})
    assert code_of(trusting, record.attestation_hash) is Code.SIGNER_REVOKED


@pytest.mark.parametrize("swap", ["an older one", "one by another key", "none"])
def test_who_writes_the_storage_alone_changes_no_list(old: Settings, new: Settings, swap: str) -> None:
    record = issue(old)
    published_at(new, OLD, since=START)
    revoke(new, OLD, at=START)
    assert code_of(new, record.attestation_hash) is Code.SIGNER_REVOKED
    older, newest = list_files(new)
    if swap == "none":
        newest.unlink()
    elif swap == "an older one":
        newest.write_bytes(older.read_bytes())
    else:
        mine = TrustList.model_validate({**json.loads(older.read_text()), "number": 9, "proof": ()})
        newest.write_text(serialize_list(sign_list(mine, [SIGNER])))
    with pytest.raises(TelepromptError, match="is missing" if swap == "none" else "is damaged"):
        code_of(new, record.attestation_hash)


def test_each_list_is_kept_and_in_a_trail(old: Settings) -> None:
    for until in (None, NOW):
        published_at(old, OLD, since=START, until=until)
    assert len(list_files(old)) == 2
    assert trust_of(old).signers == {OLD}
    with mlflow_client(old.tracking_uri) as client:
        entries = read_trail(client, TRAIL)
        assert [(entry.deed, entry.who, entry.about) for entry in entries] == [
            (AuditAction.PUBLISH_SIGNERS, "ana", "list 1"),
            (AuditAction.PUBLISH_SIGNERS, "ana", "list 2"),
        ]
        assert find_gaps(client, TRAIL, entries) == []
        with pytest.raises(ConfigurationError, match="before it begins"):
            publish_signer(old, client, OLD, valid_from=NOW, valid_until=TURN, who="ana", now=NOW)


def test_both_keys_sign_while_their_times_overlap(old: Settings, new: Settings) -> None:
    published_at(new, OLD, since=START, until=NOW)
    published_at(new, NEW, since=TURN)
    first, second = (
        issue(old, AFTER_THE_TURN),
        issue(new, {**AFTER_THE_TURN, "timestamp": "2026-02-16T12:00:00Z"}, run="b"),
    )
    assert [code_of(new, one.attestation_hash) for one in (first, second)] == [Code.OK, Code.OK]
    early = issue(new, BODY, run="c")
    assert code_of(new, early.attestation_hash) is Code.SIGNER_OUT_OF_TIME


def test_a_later_publication_does_not_take_a_revocation_back(old: Settings, new: Settings) -> None:
    record = issue(old)
    revoke(new, OLD, at=START)
    published_at(new, OLD, since=START)
    assert code_of(new, record.attestation_hash) is Code.SIGNER_REVOKED
