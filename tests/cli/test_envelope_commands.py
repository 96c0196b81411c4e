"""`attest export --as dsse` with each kind of key, and `attest verify` of the envelope."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from teleprompt.signing.message_key import Algorithm, write_message_key
from tests.cli.conftest import Result
from tests.conftest import PromotedStore


@pytest.mark.parametrize("kind", ["p256", "ed25519", "secp256k1"])
def test_an_envelope_is_read_back(
    promoted_store: PromotedStore,
    call: Callable[..., Result],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
) -> None:
    del promoted_store
    (issued,) = call("attest", "list", "--json").json
    export = ("attest", "export", issued["attestation_hash"], "--as", "dsse")
    assert "There is no key for envelopes" in call(*export, "--by", "key").err
    if kind != "secp256k1":
        write_message_key(tmp_path / "key.pem", tmp_path / "password", Algorithm(kind))
        monkeypatch.setenv("TELEPROMPT_ENVELOPE_KEY__PEM", (tmp_path / "key.pem").read_text())
        monkeypatch.setenv("TELEPROMPT_ENVELOPE_KEY__PASSWORD", (tmp_path / "password").read_text())
    file, public = tmp_path / "envelope.json", tmp_path / "public.pem"
    file.write_text(call(*export).out)
    public.write_text(call(*export, "--public-key").out)
    named = () if kind == "secp256k1" else ("--envelope-key", str(public))
    verify = ("attest", "verify", str(file), *named, "--json")
    found = call(*verify).json
    assert (found["code"], "envelope signed by" in found["detail"]) == ("OK", True)
    assert call(*verify, "--program", "Nobody").json["code"] == "PROGRAM_UNEXPECTED"
    sealed = json.loads(file.read_text())
    file.write_text(json.dumps({**sealed, "signatures": [{**sealed["signatures"][0], "sig": "AAAA"}]}))
    refused = call(*verify)
    assert (refused.status, refused.json["code"]) == (1, "SIGNATURE_INVALID")


def test_an_envelope_key_is_for_envelopes(
    promoted_store: PromotedStore, call: Callable[..., Result], tmp_path: Path
) -> None:
    del promoted_store
    (issued,) = call("attest", "list", "--json").json
    file = tmp_path / "attestation.json"
    file.write_text(call("attest", "show", issued["attestation_hash"]).out)
    refused = call("attest", "verify", str(file), "--envelope-key", str(file))
    assert (refused.status, "is for a DSSE envelope" in refused.err) == (2, True)
