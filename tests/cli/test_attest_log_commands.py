"""`teleprompt attest log`, and what `attest verify` asks of a log."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Result
from tests.conftest import PromotedStore
from tests.support import local_signer
from tests.transparency.keys import ORIGIN, Cosigner, pem
from tests.transparency.services import Witness, served

OLD, NEW = "0x19E7E376E7C213B7E7e7e46cc70A5dD086DAff2A", "0x1563915e194D8CfBA1943570603F7606A3115508"
START = "2020-01-01T00:00:00Z"


@pytest.fixture
def keyed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TELEPROMPT_PUBLIC_LOG__ORIGIN", ORIGIN)
    monkeypatch.setenv("TELEPROMPT_PUBLIC_LOG__KEY__PEM", pem())


@pytest.fixture
def document(promoted_store: PromotedStore, call: Callable[..., Result], keyed: None, tmp_path: Path) -> Path:
    """The file of the one attestation, which is in the log, as its trial's opening is."""
    del promoted_store, keyed
    (issued,) = call("attest", "list", "--json").json
    file = tmp_path / "attestation.json"
    file.write_text(call("attest", "show", issued["attestation_hash"]).out)
    return file


def own_hash(document: Path) -> str:
    return str(json.loads(document.read_text())["attestation_hash"])


def test_without_a_log_it_says_how_to_get_one(call: Callable[..., Result]) -> None:
    for command in ("status", "list", "check", "update"):
        found = call("attest", "log", command)
        assert found.status == 2
        assert "set TELEPROMPT_PUBLIC_LOG__ORIGIN" in found.err
    assert call("attest", "log", "checkpoint").status == 2


def test_what_there_is_gets_into_the_log_once(document: Path, call: Callable[..., Result]) -> None:
    assert call("attest", "log", "update", "--json").json == {"added": 2, "left_out": [], "not_vouched": []}
    assert call("attest", "log", "update", "--json").json["added"] == 0
    opening, issued = call("attest", "log", "list", "--json").json
    stated = json.loads(document.read_text())
    trial = stated["evidence"]["trial"]
    assert (opening["entry"], opening["trial_id"]) == ("opening", trial["trial_id"])
    assert (opening["number"], opening["level_e6"]) == (trial["number"], trial["level_e6"])
    assert (issued["entry"], issued["attestation_hash"]) == ("attestation", stated["attestation_hash"])
    assert stated["model_info"]["model_id"] not in json.dumps([opening, issued])
    assert call("attest", "log", "list", "--program", "Nobody", "--json").json == []
    assert len(call("attest", "log", "list", "--program", stated["model_info"]["model_id"], "--json").json) == 2
    status = call("attest", "log", "status", "--json").json
    assert (status["origin"], status["size"], status["cosigned_by"]) == (ORIGIN, 2, [])
    checked = call("attest", "log", "check", "--json").json
    assert (checked["size"], checked["kinds"], checked["twice"]) == (2, {"attestation": 1, "opening": 1}, 0)
    (finding,) = [one for one in call("doctor", "--json").json if one["check"] == "public log"]
    assert finding["detail"].endswith("has 2 entries (1 of attestation, 1 of opening), all as they were signed")


def test_a_stranger_verifies_by_a_proof(document: Path, call: Callable[..., Result], tmp_path: Path) -> None:
    call("attest", "log", "update")
    key = call("attest", "log", "status", "--json").json["key"]
    proof, kept, goes_on = (tmp_path / name for name in ("proof", "kept", "goes_on"))
    assert "bytes" in call("attest", "log", "prove", own_hash(document), "--out", str(proof)).out
    verify = ("attest", "verify", str(document), "--json", "--log", key)
    assert call(*verify).json["code"] == "LOG_MISSING"
    found = call(*verify, "--log-proof", str(proof)).json
    assert (found["code"], found["logged"]["index"], found["logged"]["size"]) == ("OK", 1, 2)
    call("attest", "log", "checkpoint", "--out", str(kept))
    call("signer", "publish", OLD, "--from", START)
    assert [entry["entry"] for entry in call("attest", "log", "list", "--json").json][2:] == ["signers"]
    assert call("attest", "log", "consistency", str(kept), "--out", str(goes_on)).status == 0
    newest = tmp_path / "newest"
    call("attest", "log", "checkpoint", "--out", str(newest))
    seen = ("--log-proof", str(proof), "--kept", str(newest))
    assert call(*verify, *seen).json["code"] == "LOG_FORKED"
    assert call(*verify, *seen, "--consistency", str(goes_on)).json["code"] == "OK"
    assert call("attest", "verify", str(document), "--kept", str(kept)).status == 2


def test_a_stranger_reads_all_of_the_log(document: Path, call: Callable[..., Result], tmp_path: Path) -> None:
    call("attest", "log", "update")
    key, place, kept = call("attest", "log", "status", "--json").json["key"], tmp_path / "www", tmp_path / "kept"
    call("attest", "log", "checkpoint", "--out", str(kept))
    assert call("attest", "log", "mirror", str(place)).status == 0
    deep = call("attest", "verify", str(document), "--deep", "--json").json["deep"]
    assert [(check["name"], check["holds"]) for check in deep][-1] == ("public log", True)
    whole = ("attest", "verify", str(document), "--log", key, "--log-files", str(place))
    found = call(*whole, "--kept", str(kept))
    assert found.status == 0
    assert "1 trials of the program, and 1 attestations; its own is the one with number 1" in found.out
    assert "goes on" in call("attest", "log", "check", "--files", str(place), "--log", key, "--kept", str(kept)).out
    assert "name its verifier key" in call("attest", "log", "check", "--files", str(place)).err
    shutil.rmtree(place / "tile/0")
    assert "is missing" in call(*whole).err


@pytest.mark.parametrize(("moment", "code"), [(1_767_225_600, "OK"), (4_102_444_800, "SIGNER_OUT_OF_TIME")])
def test_a_key_that_ended_counts_for_what_was_there_before(
    document: Path,
    call: Callable[..., Result],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    moment: int,
    code: str,
) -> None:
    """The witness saw the document in 2026, or in 2100: then the key that ended may have dated it back."""
    witness = Witness(ORIGIN, moment=moment)
    with served(witness) as url:
        named = [{"url": url, "key": str(witness.cosigner.key)}]
        monkeypatch.setenv("TELEPROMPT_PUBLIC_LOG__WITNESSES", json.dumps(named))
        assert call("attest", "log", "update").status == 0
        call("signer", "publish", OLD, "--from", START)
        monkeypatch.setenv("TELEPROMPT_SIGNER__KEYSTORE", json.dumps(local_signer("22" * 32).keystore))
        call("signer", "publish", NEW, "--from", START)
        call("signer", "publish", OLD, "--until", "2099-01-01T00:00:00Z")
    listed, proof = tmp_path / "signers.json", tmp_path / "proof"
    call("signer", "export", "--out", str(listed))
    call("attest", "log", "prove", own_hash(document), "--out", str(proof))
    verify = ("attest", "verify", str(document), "--signers", str(listed), "--json")
    assert call(*verify).json["code"] == "SIGNER_OUT_OF_TIME"
    assert call(*verify, "--log-proof", str(proof)).json["code"] == code
    rewards = call("rewards", own_hash(document), "--total", "100")
    assert rewards.status == (0 if code == "OK" else 1)
    assert code == "OK" or code in rewards.err


def test_doctor_names_who_did_not_cosign(
    document: Path, call: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    del document
    named = [{"url": "http://127.0.0.1:9", "key": str(Cosigner().key)}]
    monkeypatch.setenv("TELEPROMPT_PUBLIC_LOG__WITNESSES", json.dumps(named))
    updated = call("attest", "log", "update")
    assert (updated.status, updated.out) == (1, "2 entries were added\n")
    assert "did not answer" in updated.err
    (finding,) = [one for one in call("doctor", "--json").json if one["check"] == "public log"]
    assert (finding["ok"], finding["detail"]) == (False, "witness.example/w has not cosigned the log of 2 entries.")


def test_a_new_key_is_one_of_the_log(call: Callable[..., Result], tmp_path: Path) -> None:
    key, password = tmp_path / "keys/log.pem", tmp_path / "keys/password"
    assert call("signer", "new-key", str(key), "--password-file", str(password)).out.startswith("-----BEGIN PUBLIC KEY")
    assert {file.stat().st_mode & 0o777 for file in (key, password)} == {0o600}
    again = call("signer", "new-key", str(key), "--password-file", str(tmp_path / "other"), "--kind", "p256")
    assert (again.status, "is there already" in again.err) == (2, True)
