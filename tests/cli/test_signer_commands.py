"""`teleprompt signer`."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from teleprompt.config.signers import KeystoreSigner
from teleprompt.signing.signer import open_signer
from tests.cli.conftest import Result
from tests.conftest import PromotedStore
from tests.support import local_signer


@pytest.mark.slow
def test_a_new_key_signs_and_is_nobody_elses_to_read(call: Callable[..., Result], tmp_path: Path) -> None:
    keystore, password = tmp_path / "keys/keystore.json", tmp_path / "keys/password"
    made = call("signer", "new", str(keystore), "--password-file", str(password), "--json").json
    signer = {"keystore": json.loads(keystore.read_text()), "password": password.read_text()}
    assert open_signer(KeystoreSigner.model_validate(signer)).address == made["address"]
    assert {file.stat().st_mode & 0o777 for file in (keystore, password)} == {0o600}
    before = keystore.read_text()
    again = call("signer", "new", str(keystore), "--password-file", str(tmp_path / "other"))
    assert (again.status, "is there already" in again.err) == (2, True)
    assert keystore.read_text() == before


OLD, NEW = "0x19E7E376E7C213B7E7e7e46cc70A5dD086DAff2A", "0x1563915e194D8CfBA1943570603F7606A3115508"
START, LATER = "2020-01-01T00:00:00Z", "2099-01-01T00:00:00Z"


def test_a_rotation_and_a_theft_are_rehearsed(
    promoted_store: PromotedStore, call: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    del promoted_store
    file, listed = tmp_path / "attestation.json", tmp_path / "signers.json"
    (issued,) = call("attest", "list", "--json").json
    own = issued["attestation_hash"]
    file.write_text(call("attest", "show", own).out)
    total = ("rewards", own, "--total", "100")

    # Before: the key is published, and verifies elsewhere.
    assert call("signer", "list", "--json").json == {"configured": [OLD], "published": None}
    assert call("signer", "export").status == 2
    assert "list 1 of" in call("signer", "publish", OLD, "--from", START).out
    call("signer", "export", "--out", str(listed))
    verify = ("attest", "verify", str(file), "--signers", str(listed), "--json")
    assert call(*verify).json["code"] == "OK"

    # A new key takes over; what the old one signed in its time is still paid.
    monkeypatch.setenv("TELEPROMPT_SIGNER__KEYSTORE", json.dumps(local_signer("22" * 32).keystore))
    assert "SIGNER_UNTRUSTED" in call(*total).err
    call("signer", "publish", NEW, "--from", START)
    call("signer", "publish", OLD, "--until", LATER)
    assert call(*total).status == 0

    # The old one is stolen: what is known stands, and nothing else that it signs.
    revoked = call("signer", "revoke", OLD, "--from", LATER, "--why", "found in a repository")
    assert revoked.out.splitlines()[0] == f"{OLD} is revoked; 1 attestations of before stand"
    assert call(*total).status == 0
    call("signer", "export", "--out", str(listed))
    assert call(*verify).json["code"] == "OK"
    table = call("signer", "list").out
    assert all(said in table for said in (OLD, NEW, f"from {LATER}: found in a repository", "list 4 of"))
    assert call("signer", "list", "--json").json["published"]["number"] == 4

    # It was stolen before this was signed, too.
    call("signer", "revoke", OLD, "--from", START, "--why", "found in a repository")
    call("signer", "export", "--out", str(listed))
    refused = call(*verify)
    assert (refused.status, refused.json["code"]) == (1, "SIGNER_REVOKED")
    for command in (
        total,
        ("attest", "prove", own, "--contributor", "alice"),
        ("attest", "export", own, "--as", "dsse"),
    ):
        result = call(*command)
        assert (result.status, "SIGNER_REVOKED: " in result.err) == (1, True), command
    assert call("attest", "show", own).out == file.read_text()
    assert call("audit", "verify", "shelves").status == 0


def test_a_document_is_taken_back(promoted_store: PromotedStore, call: Callable[..., Result], tmp_path: Path) -> None:
    del promoted_store
    file, listed = tmp_path / "attestation.json", tmp_path / "signers.json"
    (issued,) = call("attest", "list", "--json").json
    own = issued["attestation_hash"]
    file.write_text(call("attest", "show", own).out)
    call("signer", "publish", OLD, "--from", START)
    taken_back = call("attest", "revoke", own, "--why", "The labels were wrong.", "--json").json
    assert [one["attestation_hash"] for one in taken_back["revoked_documents"]] == [own]
    call("signer", "export", "--out", str(listed))
    refused = call("attest", "verify", str(file), "--signers", str(listed))
    assert (refused.status, "DOCUMENT_REVOKED" in refused.out) == (1, True)
    assert "The labels were wrong." in call("rewards", own, "--total", "1").err
    deep = call("attest", "verify", str(file), "--deep")
    assert (deep.status, "DOCUMENT_REVOKED" in deep.out) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("revoke", OLD, "--from", START, "--why", "stolen"), "is the signer of this installation"),
        (("revoke", NEW, "--from", "soon", "--why", "stolen"), "is not an ISO 8601 time"),
        (("revoke", NEW, "--from", START, "--why", "two\nlines"), "say it in one sentence"),
        (("revoke", "0x1", "--from", START, "--why", "stolen"), "EIP-55"),
        (("publish", NEW, "--from", LATER, "--until", START), "before it begins"),
    ],
)
def test_what_makes_no_sense_is_refused(call: Callable[..., Result], arguments: tuple[str, ...], said: str) -> None:
    result = call("signer", *arguments)
    assert (result.status, said in result.err) == (2, True), result.err
    assert call("signer", "list", "--json").json["published"] is None
