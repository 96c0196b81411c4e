"""What auditors type: prove, trail, deep verification, exports, and the chain from a dry run to a revocation."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from teleprompt.attest.document import Attestation
from teleprompt.attest.issue import serialize
from teleprompt.attest.signing import sign
from teleprompt.attribution.trace_tree import trace_id_digest
from teleprompt.cli.output import print_table
from teleprompt.config.settings import Settings
from teleprompt.encoding.canonical_json import sha256_hex
from teleprompt.queries.history import list_runs
from teleprompt.signing.signer import open_signer
from teleprompt.storage.blobs import put_blob
from teleprompt.tracking.connection import mlflow_client
from tests import REPOSITORY
from tests.chain.anvil import CHAIN_ID, Anvil
from tests.cli.conftest import Result
from tests.cli.test_cli import WINDOW
from tests.conftest import PromotedStore
from tests.stock_tools import node
from tests.support import ALICE, BOB, local_signer, log_shelf_calls, write_program

OWN = {"attestation_id", "attestation_hash", "proof"}
SIGNER = "0x19E7E376E7C213B7E7e7e46cc70A5dD086DAff2A"


@pytest.fixture
def attested(promoted_store: PromotedStore, call: Callable[..., Result], tmp_path: Path) -> Path:
    """The file of an attestation that a run issued."""
    del promoted_store
    (listed,) = call("attest", "list", "--json").json
    file = tmp_path / "a.json"
    file.write_text(call("attest", "show", listed["attestation_id"]).out)
    return file


def artifacts(settings: Settings) -> Path:
    """Where MLflow keeps the run's files."""
    with mlflow_client(settings.tracking_uri) as client:
        (summary,) = list_runs(client)
        return Path(client.get_run(summary.run_id).info.artifact_uri.removeprefix("file://"))


def test_who_verifies_is_told_what_it_says_and_says_what_is_expected(
    call: Callable[..., Result], attested: Path, tmp_path: Path, settings: Settings
) -> None:
    document = json.loads(attested.read_text())
    version, stated = document["model_info"]["optimized_version"], document["program"]["optimized_digest"]
    state = next(Path(settings.storage_uri.removeprefix("file://")).rglob(f"{stated}*"))
    expected = (
        *("--program", "Shelves", "--version", version, "--state", str(state)),
        *("--signer", SIGNER, "--after", document["timestamp"], "--require-evidence"),
    )
    told = call("attest", "verify", str(attested), *expected)
    assert told.status == 0
    lines = told.out.splitlines()
    assert lines[0] == f"valid: OK (signed by {SIGNER})"
    assert [line.split()[0] for line in lines[1:]] == [
        "compared", "program", "decided", "gain", "evidence", "trial",
    ]  # fmt: skip
    assert lines[1].endswith("agreement with logged answers that turned out well: a proxy of the outcome")
    assert lines[2].split(maxsplit=1)[1] == f"Shelves, 1.0.0 -> {version}"
    summary = call("attest", "verify", str(attested), *expected, "--json").json["summary"]
    assert (summary["program"], summary["evidence"], summary["trial"]["number"]) == ("Shelves", "offline", 1)
    assert summary["ci_low_e6"] == document["evidence"]["ci_low_e6"]

    other = tmp_path / "state.json"
    other.write_bytes(state.read_bytes() + b" ")
    for option, value, code in (
        ("--program", "Selves", "PROGRAM_UNEXPECTED"),
        ("--version", "1.0.0", "VERSION_UNEXPECTED"),
        ("--state", str(other), "STATE_UNEXPECTED"),
        ("--signer", ALICE, "SIGNER_UNTRUSTED"),
        ("--after", "2999-01-01", "TOO_OLD"),
    ):
        refused = call("attest", "verify", str(attested), option, value, "--json")
        assert (refused.status, refused.json["code"], refused.json["summary"]) == (1, code, None)
        assert call("attest", "verify", str(attested), option, value).out.startswith(f"INVALID: {code} (")


def test_a_stranger_recomputes_the_verdict_from_two_files(
    call: Callable[..., Result], attested: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = json.loads(attested.read_text())
    bundle = tmp_path / "bundle.json"
    own = document["attestation_id"]
    assert call("attest", "bundle", own, "--out", str(bundle)).out.startswith(f"{bundle}: ")
    assert call("attest", "bundle", own).json == json.loads(bundle.read_text())
    assert "cannot be written" in call("attest", "bundle", own, "--out", str(tmp_path / "none" / "b.json")).err
    gate = next(entry for entry in call("attest", "trail", own, "--json").json if entry["part"] == "gate")
    salt = call("attest", "prove", own, "--trace", gate["trace_id"]).json["salt"]
    examples = [one for window in json.loads(bundle.read_text())["scores"]["windows"] for one in window["examples"]]
    assert trace_id_digest(salt, gate["trace_id"]) in {example[0] for example in examples}
    assert gate["trace_id"] not in bundle.read_text()

    monkeypatch.setenv("TELEPROMPT_TRACKING_URI", "http://127.0.0.1:9")  # nobody is there
    told = call("attest", "verify", str(attested), "--bundle", str(bundle))
    assert told.status == 0
    assert f"from the scores of {document['evidence']['n']} examples" in told.out
    changed = json.loads(bundle.read_text())
    changed["scores"]["windows"][0]["examples"][0][3] = 0
    bundle.write_text(json.dumps(changed))
    refused = call("attest", "verify", str(attested), "--bundle", str(bundle), "--json")
    assert (refused.status, refused.json["code"]) == (1, "BUNDLE_INVALID")


def test_the_document_credits_and_proves(
    call: Callable[..., Result],
    attested: Path,
    tmp_path: Path,
    settings: Settings,
) -> None:
    document = json.loads(attested.read_text())
    own = document["attestation_id"]
    people = {person["contributor_id"]: person for person in document["contributors"]}
    assert {name: person["address"] for name, person in people.items()} == {"alice": ALICE, "bob": BOB}
    assert document["credit"] == {"unpayable": "hold_back"}
    assert sum(person["used"]["demos"] for person in people.values()) > 0

    trail = call("attest", "trail", own, "--json").json
    assert len(trail) == document["data"]["traces_count"] == 80  # of 160, half of which turned out badly
    for name, person in people.items():
        mine = [entry for entry in trail if entry["contributor_id"] == name]
        assert len(mine) == person["trace_count"]
        assert sum(entry["is_demo"] for entry in mine) == person["used"]["demos"]
    assert "alice" in call("attest", "trail", own, "--contributor", "alice").out
    assert "bob" not in call("attest", "trail", own, "--contributor", "alice").out

    sealed = next(entry for entry in trail if entry["part"] == "gate")
    proofs = {
        "trace": call("attest", "prove", own, "--trace", sealed["trace_id"]).json,
        "reward": call("attest", "prove", own, "--contributor", "bob", "--total", "1000").json,
    }
    for name, proof in proofs.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(proof))
        answer = call("attest", "verify", str(attested), "--proof", str(tmp_path / f"{name}.json"))
        assert answer.status == 0, answer.out
    assert node("merkle.js", {"proofs": list(proofs.values())})["verified"] == [True, True]
    proofs["reward"]["leaf"][1] += "0"
    proofs["trace"]["trace"]["outputs"]["shelf"] = "under it"
    for name, proof in proofs.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(proof))
        answer = call("attest", "verify", str(attested), "--proof", str(tmp_path / f"{name}.json"), "--json")
        assert (answer.status, answer.json["code"], answer.json["valid"]) == (1, "PROOF_INVALID", False)

    tree = tmp_path / "tree.json"
    assert call("rewards", own, "--total", "1000", "--tree", str(tree)).status == 0
    assert node("merkle.js", {"dump": json.loads(tree.read_text())})["loaded"] == proofs["reward"]["root"]
    assert call("attest", "prove", own).status == 2
    assert call("attest", "prove", own, "--trace", "unknown").status == 2
    assert "basis points" in call("rewards", own, "--total", "1000", "--contract").out


def test_it_is_found_by_program_contributor_and_hash(call: Callable[..., Result], attested: Path) -> None:
    document = json.loads(attested.read_text())
    for found in (("--program", "Shelves"), ("--contributor", "alice"), ("--contributor", BOB)):
        (one,) = call("attest", "list", *found, "--json").json
        assert one["attestation_hash"] == document["attestation_hash"]
    assert call("attest", "list", "--contributor", "nobody", "--json").json == []
    assert call("attest", "list", "--program", "Other").out == "No such attestation.\n"


def deep(call: Callable[..., Result], file: Path) -> list[str]:
    """Names of what does not hold."""
    answer = call("attest", "verify", str(file), "--deep", "--json")
    assert answer.out, answer.err
    found = [check["name"] for check in answer.json["deep"] if not check["holds"]]
    assert answer.status == (1 if found else 0), answer.out
    return found


def test_a_document_that_is_not_in_mlflow_does_not_hold(
    call: Callable[..., Result], attested: Path, tmp_path: Path
) -> None:
    body = {key: value for key, value in json.loads(attested.read_text()).items() if key not in OWN}
    (tmp_path / "other.json").write_text(serialize(Attestation.compose({**body, "timestamp": "2026-11-16T00:00:01Z"})))
    assert deep(call, tmp_path / "other.json") == ["document"]


def test_deep_verification_makes_every_section_anew(call: Callable[..., Result], attested: Path) -> None:
    answer = call("attest", "verify", str(attested), "--deep", "--json")
    assert answer.status == 0, answer.out
    stated = json.loads(attested.read_text()).keys() - {"proof"}
    assert {check["name"] for check in answer.json["deep"]} == stated | {
        "document", "files of the snapshot", "selected program",
    }  # fmt: skip


FALSE = [
    ("credit", lambda d: d["credit"].update(unpayable="share")),
    ("credit", lambda d: d["credit"].update(cap_e6=900_000)),
    ("program", lambda d: d["program"].update(code_digest="0" * 64)),
    ("model_info", lambda d: d["model_info"].update(baseline_version="0.9.0")),
    ("timestamp", lambda d: d.update(timestamp="2026-11-16T00:00:01Z")),
    ("optimization_metadata", lambda d: d["optimization_metadata"].update(outcome_metric="other")),
    ("performance", lambda d: shifted(d["performance"])),
    ("contributors", lambda d: d["contributors"][0]["used"].update(demos=0)),
    ("data", lambda d: d["data"].update(split_digest="0" * 64)),
]


def shifted(performance: dict[str, Any]) -> None:
    for side in ("baseline_metrics", "optimized_metrics"):
        for metric, score in performance[side].items():
            performance[side][metric] = round(score - 0.01, 6)


def test_deep_verification_notices_false_documents_that_are_signed_and_stored(
    call: Callable[..., Result], attested: Path, settings: Settings, tmp_path: Path
) -> None:
    """Whoever holds the key and MLflow may write what he wants, but not over what the run kept."""
    for section, change in FALSE:
        body = json.loads(attested.read_text())
        change(body)
        composed = Attestation.compose({k: v for k, v in body.items() if k not in OWN})
        false = sign(composed, [open_signer(local_signer())])
        (artifacts(settings) / "attestation.json").write_text(serialize(false))
        with mlflow_client(settings.tracking_uri) as client:
            (summary,) = list_runs(client)
            for tag in ("attestation_id", "attestation_hash"):
                client.set_tag(summary.run_id, f"teleprompt.{tag}", getattr(false, tag))
            client.set_tag(summary.run_id, "teleprompt.attestation_digest", sha256_hex(serialize(false).encode()))
        (tmp_path / "false.json").write_text(serialize(false))
        assert set(deep(call, tmp_path / "false.json")) == {section, "attestation_id", "attestation_hash"}


def test_deep_verification_notices_changed_records(
    call: Callable[..., Result], attested: Path, settings: Settings
) -> None:
    records = artifacts(settings) / "records"

    def changed(name: str, change: Callable[[Any], None]) -> list[str]:
        kept = (records / f"{name}.json").read_text()
        record = json.loads(kept)
        change(record)
        (records / f"{name}.json").write_text(json.dumps(record))
        found = deep(call, attested)
        (records / f"{name}.json").write_text(kept)
        return found

    assert "data" in changed("attribution", lambda record: record.update(secret="0" * 64))
    baseline = json.loads((records / "gate.json").read_text())["baseline_state"]
    assert "selected program" in changed("selection", lambda record: record.update(state=baseline))

    def swap_parts(record: Any) -> None:
        manifest = json.loads(Path(record["manifest"]["uri"]).read_text())
        train, gate = manifest["parts"]["train"], manifest["parts"]["gate"]
        train["blob"], gate["blob"] = gate["blob"], train["blob"]
        swapped = put_blob(settings.storage_uri, "snapshots", json.dumps(manifest).encode(), suffix=".json")
        record["manifest"] = swapped.model_dump()

    assert "files of the snapshot" in changed("snapshot", swap_parts)
    snapshot = json.loads((records / "snapshot.json").read_text())
    Path(snapshot["manifest"]["uri"]).write_text("{}")
    broken = call("attest", "verify", str(attested), "--deep")
    assert broken.status == 1
    assert "is damaged" in broken.err


def test_a_stored_document_is_exported_for_others(call: Callable[..., Result], attested: Path) -> None:
    own = json.loads(attested.read_text())["attestation_id"]
    assert call("attest", "export", own, "--as", "dsse").json["signatures"][0]["keyid"] == SIGNER
    assert call("attest", "export", own, "--as", "dsse", "--public-key").out.startswith("-----BEGIN PUBLIC KEY-----")
    assert call("attest", "export", own, "--as", "eas").json["signer"] == SIGNER
    elsewhere = ("attest", "export", own, "--as", "eas", "--chain-id", "10")
    assert "EAS has another contract on chain 10" in call(*elsewhere).err
    assert call(*elsewhere, "--contract", ALICE).json["signer"] == SIGNER


def test_from_a_dry_run_to_a_revocation(
    call: Callable[..., Result],
    attested: Path,
    tmp_path: Path,
    anvil: Anvil,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    own = json.loads(attested.read_text())["attestation_id"]
    assert "names no contract" in call("attest", "submit", own).err
    chain = anvil.eas_section()
    program = f"name: Shelves\noptimization:\n  min_traces: 20\nchain: {json.dumps(chain)}\n"
    write_program(tmp_path / "programs", yaml=program)
    assert "TELEPROMPT_WEB3__URL" in call("attest", "submit", own).err
    monkeypatch.setenv("TELEPROMPT_WEB3__URL", anvil.url)

    assert call("attest", "status", own).status == 1
    assert call("attest", "submit", own, "--json").json["state"] == "dry_run"
    sent = call("attest", "submit", own, "--send", "--json").json
    assert sent["state"] == "on_chain"
    assert call("attest", "submit", own, "--send", "--json").json == sent
    assert call("attest", "status", own, "--json").json == sent
    assert call("attest", "list", "--json").json[0]["chain_state"] == "on_chain"

    script = REPOSITORY / "docs/scripts/find_on_eas.py"
    command = [sys.executable, str(script), anvil.url, chain["contract"], str(attested), SIGNER]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (found.returncode, sent["uid"] in found.stdout) == (0, True), found.stdout + found.stderr
    for change in ({"timestamp": "2026-01-01T00:00:00Z"}, {"attestation_hash": "0" * 64}):
        changed = tmp_path / "changed.json"
        changed.write_text(json.dumps({**json.loads(attested.read_text()), **change}))
        others = [*command[:4], str(changed), SIGNER]
        assert "changed:" in subprocess.run(others, capture_output=True, text=True, check=False).stdout
    others = [*command[:4], str(attested), ALICE]
    assert subprocess.run(others, capture_output=True, text=True, check=False).stdout == "not found\n"

    assert call("attest", "revoke", own, "--json").json["state"] == "on_chain"
    assert call("attest", "revoke", own, "--send", "--json").json["state"] == "revoked"
    status = call("attest", "status", own)
    assert (status.status, status.out.splitlines()[0]) == (1, "revoked: attested, and revoked since")
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (found.returncode, "revoked" in found.stdout) == (1, True)


def test_a_run_submits_what_its_program_says(
    call: Callable[..., Result],
    settings: Settings,
    tmp_path: Path,
    anvil: Anvil,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    contract = anvil.deploy_verifier([SIGNER])
    chain = {
        "adapter": "delta_verifier",
        "chain_id": CHAIN_ID,
        "contract": contract,
        "model_id": 7,
        "confirmations": 1,
        "send": True,
    }
    program = f"name: Shelves\noptimization:\n  min_traces: 20\nchain: {json.dumps(chain)}\n"
    write_program(tmp_path / "programs", yaml=program)
    monkeypatch.setenv("TELEPROMPT_WEB3__URL", anvil.url)
    log_shelf_calls(settings, count=160)
    outcome = call("run", "shelves", *WINDOW, "--json").json
    assert (outcome["receipt"]["state"], outcome["receipt"]["note"]) == ("on_chain", "minted")
    again = call("run", "shelves", *WINDOW, "--json").json
    assert again["receipt"] == outcome["receipt"]
    assert again["attestation"] == outcome["attestation"]
    assert "chain        on_chain: minted" in call("run", "shelves", *WINDOW).out


def test_the_node_of_the_settings_is_not_shown() -> None:
    from teleprompt.config.settings import Web3Config

    assert "key" not in repr(Web3Config(url=SecretStr("https://node/key")))
    assert local_signer().password.get_secret_value() not in repr(local_signer())


def test_what_a_contributor_is_called_is_no_markup(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("contributor",), [("bob[/]",), ("[red]bob",)], empty="")
    out = capsys.readouterr().out
    assert "bob[/]" in out
    assert "[red]bob" in out


def test_wrong_places_are_said_in_a_sentence(call: Callable[..., Result], attested: Path, tmp_path: Path) -> None:
    own = json.loads(attested.read_text())["attestation_id"]
    for place in (tmp_path, tmp_path / "missing/tree.json", attested):
        answer = call("rewards", own, "--total", "1", "--tree", str(place))
        assert (answer.status, "name a new file" in answer.err) == (2, True)
    for wrong in (("--chain-id", "-1"), ("--contract", "0x12")):
        assert call("attest", "export", own, "--as", "eas", *wrong).status == 2
