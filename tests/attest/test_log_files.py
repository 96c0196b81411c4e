"""What all of a log shows of a document's trial: it was opened before, as that number, after no more than it says."""

import json
from collections.abc import Sequence

import pytest

from teleprompt.attest.codes import Code, InvalidAttestationError
from teleprompt.attest.log_files import check_openings, goes_on_in, prove_in
from teleprompt.transparency.check import CheckedLog
from teleprompt.transparency.entries import attestation_entry, opening_entry, signers_entry
from teleprompt.transparency.proof import LogProof
from teleprompt.transparency.tiles import CHECKPOINT
from tests.attest.documents import DOCUMENT
from tests.attest.test_bundle import TRIAL
from tests.transparency.made_log import MadeLog

DOCUMENT_OF_A_TRIAL = TRIAL
STATED = DOCUMENT_OF_A_TRIAL["evidence"]["trial"]
PROGRAM = DOCUMENT_OF_A_TRIAL["model_info"]["model_id"]
ISSUED = attestation_entry(DOCUMENT_OF_A_TRIAL)


def opening(
    trial: str = STATED["trial_id"],
    *,
    program: str = PROGRAM,
    number: int = STATED["number"],
    level: int = STATED["level_e6"],
    at: str = "2026-01-02T00:00:00Z",
) -> bytes:
    return opening_entry(
        program=program, trial_id=trial, number=number, level_e6=level, opened_at=at, opening_digest="ef" * 32
    )


def other(letter: str, **more: object) -> bytes:
    return opening(letter * 64, **more)  # type: ignore[arg-type]


def opened(entries: Sequence[bytes]) -> CheckedLog:
    made = MadeLog(entries)
    files = {**made.files, CHECKPOINT: made.checkpoint().data}
    return CheckedLog.open(files.get, made.key)


def found(*entries: bytes) -> str:
    log = opened(entries)
    proof = LogProof.parse(prove_in(log, DOCUMENT_OF_A_TRIAL))
    try:
        return check_openings(log, DOCUMENT_OF_A_TRIAL, proof.index)
    except InvalidAttestationError as error:
        return str(error)


EARLIER = [other(letter, number=k) for k, letter in enumerate("abcdef"[: STATED["number"] - 1], start=1)]


def test_a_trial_that_was_opened_before_holds() -> None:
    assert found(*EARLIER, opening(), ISSUED).endswith(f"opened as entry {len(EARLIER)}")


def test_openings_of_other_programs_and_of_before_the_year_do_not_count() -> None:
    long_ago, others = other("9", at="2024-12-01T00:00:00Z"), other("8", program="Another")
    assert "its own is the one" in found(long_ago, others, *EARLIER, opening(), ISSUED)


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ([ISSUED], "its trial was not in the log before it"),
        ([ISSUED, opening()], "its trial was not in the log before it"),
        ([opening(program="Another"), ISSUED], "its trial was not in the log before it"),
        ([*EARLIER, opening(number=STATED["number"] + 1), ISSUED], "its trial has the number"),
        ([*EARLIER, opening(level=STATED["level_e6"] - 1), ISSUED], "its trial has the level_e6"),
        ([*EARLIER, other("7"), opening(), ISSUED], "trial is number"),
    ],
)
def test_a_trial_that_the_log_contradicts_is_refused(entries: list[bytes], said: str) -> None:
    assert said in found(*entries)


def test_a_document_that_is_not_there_is_missing() -> None:
    with pytest.raises(InvalidAttestationError) as error:
        prove_in(opened([opening()]), DOCUMENT_OF_A_TRIAL)
    assert error.value.code is Code.LOG_MISSING


def test_a_document_without_a_trial_is_counted_only() -> None:
    log = opened([attestation_entry(DOCUMENT)])
    assert check_openings(log, DOCUMENT, 0) == "the log shows 0 trials of the program, and 1 attestations"


def test_the_proof_that_it_goes_on_is_made_of_the_files() -> None:
    made = MadeLog([signers_entry(number=k, list_digest="ab" * 32) for k in range(1, 9)])
    log = CheckedLog.open({**made.files, CHECKPOINT: made.checkpoint().data}.get, made.key)
    shown = goes_on_in(log, made.checkpoint(5))
    assert shown is not None
    assert shown.shows(made.checkpoint(5).checkpoint.root)
    assert goes_on_in(log, made.checkpoint()) is None


def test_an_entry_of_somebody_elses_is_refused() -> None:
    with pytest.raises(InvalidAttestationError, match="not of this package"):
        prove_in(opened([json.dumps({"entry": "opening", "z": 1, "a": 2}).encode()]), DOCUMENT_OF_A_TRIAL)
