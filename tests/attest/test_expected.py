"""What a verifier expects of a document: it is valid, and about something else."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from teleprompt.attest.codes import Code
from teleprompt.attest.document import Attestation
from teleprompt.attest.expected import Expected
from teleprompt.attest.verify import Level, verify_attestation
from tests.attest.comparisons import FISHER, MCNEMAR, TRIAL
from tests.attest.documents import BODY, DOCUMENT, SIGNER_ADDRESS
from tests.support import fenced_blocks

DATA = json.dumps(DOCUMENT).encode()
VERSION = "1.0.0-opt-bfs-20260115120000"


@pytest.mark.parametrize(
    "expected",
    [
        Expected(),
        Expected(program="EmailDraft"),
        Expected(version=VERSION),
        Expected(state_digest="d" * 64),
        Expected(after=datetime(2026, 1, 15, 12, tzinfo=UTC)),
        Expected(program="EmailDraft", version=VERSION, state_digest="d" * 64, evidence=True),
    ],
)
def test_what_was_expected_is_valid(expected: Expected) -> None:
    assert verify_attestation(DATA, expected=expected, trusted_signers=[SIGNER_ADDRESS]).code is Code.OK


@pytest.mark.parametrize(
    ("expected", "code", "said"),
    [
        (Expected(program="Other"), Code.PROGRAM_UNEXPECTED, "it is about the program 'EmailDraft', not 'Other'"),
        (Expected(version="1.0.0"), Code.VERSION_UNEXPECTED, f"it is about the version '{VERSION}', not '1.0.0'"),
        (Expected(state_digest="c" * 64), Code.STATE_UNEXPECTED, "cccccccccccccccc…, and the document names dddd"),
        (
            Expected(after=datetime(2026, 1, 15, 12, 0, 1, tzinfo=UTC)),
            Code.TOO_OLD,
            "it is of 2026-01-15T12:00:00Z, before 2026-01-15T12:00:01Z",
        ),
        (Expected(program="Other", version="1.0.0"), Code.PROGRAM_UNEXPECTED, "Other"),
    ],
)
def test_a_valid_document_about_something_else_is_refused(expected: Expected, code: Code, said: str) -> None:
    found = verify_attestation(DATA, expected=expected)
    assert (found.code, found.valid, found.level, found.summary) == (code, False, None, None)
    assert said in found.detail


def test_the_content_and_the_signature_are_looked_at_first() -> None:
    other = Expected(program="Other")
    assert verify_attestation(DATA.replace(b"EmailDraft", b"Other"), expected=other).code is Code.HASH_MISMATCH
    unsigned = json.dumps(MCNEMAR).encode()
    assert verify_attestation(unsigned, require_signature=True, expected=other).code is Code.SIGNATURE_MISSING


def test_a_document_that_names_no_state_and_has_no_evidence_can_be_refused_for_that() -> None:
    performance = {**BODY["performance"], "baseline_metrics": {"reply_rate": 0.134}}
    performance["optimized_metrics"] = {"reply_rate": 0.157}
    body = {**BODY, "performance": performance, "program": None, "evidence": None}
    data = json.dumps(Attestation.compose(body).to_dict()).encode()
    assert verify_attestation(data).level is Level.UNBACKED
    assert verify_attestation(data, expected=Expected(evidence=True)).code is Code.EVIDENCE_MISSING
    found = verify_attestation(data, expected=Expected(state_digest="d" * 64))
    assert found.code is Code.STATE_UNEXPECTED
    assert found.detail.endswith("and the document names none")


@pytest.mark.parametrize(
    ("document", "lines"),
    [
        (
            MCNEMAR,
            {
                "program": f"EmailDraft, 1.0.0 -> {VERSION}",
                "decided": "2026-03-02T00:00:00Z",
                "gain": "+4.00 points of agreement, at least +1.75",
                "evidence": "offline, proven: [+1.75, +6.23] at 98.77 %, "
                "p 0.000009 by mcnemar_exact on 1000 sealed examples",
            },
        ),
        (
            TRIAL,
            {
                "gain": "+17.00 points of agreement, at least +3.24",
                "trial": "number 2 of its year, 2 windows, a level of 0.004167; 3 more of programs with the same code",
                "compared": "agreement with logged answers that turned out well: a proxy of the outcome",
            },
        ),
        (
            FISHER,
            {
                "gain": "+10.00 points of reply_rate, at least +5.82",
                "evidence": "online, proven: [+5.82, +14.13] at 95 %, "
                "p 0.000003 by fisher_exact on 2000 calls in production",
            },
        ),
    ],
    ids=["offline", "trial", "online"],
)
def test_what_a_document_says_is_told_in_one_place(document: dict[str, object], lines: dict[str, str]) -> None:
    summary = verify_attestation(json.dumps(document).encode()).summary
    assert summary is not None
    told = dict(summary.lines())
    assert {name: told[name] for name in lines} == lines


def test_the_documented_policy_verifies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "attestation.json").write_bytes(DATA)
    monkeypatch.chdir(tmp_path)
    (snippet,) = fenced_blocks("docs/attestation.md", "python")
    exec(snippet, {})
    assert capsys.readouterr().out.startswith(f"OK signed by {SIGNER_ADDRESS} program='EmailDraft'")
