"""A document against all of a log, whose files a verifier has: its place, and what it says of its trial.

With the files he needs no proof from who hands over the document, and sees what a proof cannot show: how many trials
there were before the one that the document is about.
"""

from datetime import timedelta
from typing import Any

from teleprompt.attest.codes import Code, InvalidAttestationError
from teleprompt.errors import TelepromptError
from teleprompt.transparency.check import CheckedLog, LoggedEntry
from teleprompt.transparency.checkpoint import SignedCheckpoint
from teleprompt.transparency.entries import ATTESTATION, OPENING, attestation_entry, program_digest, read_entry
from teleprompt.transparency.proof import GoesOn, LogProof
from teleprompt.transparency.tiles import hashes_of
from teleprompt.transparency.tree import consistency_proof, inclusion_proof

A_YEAR = timedelta(days=365)


def prove_in(log: CheckedLog, document: dict[str, Any]) -> bytes:
    """The proof that the document is in the log.

    Raises:
        InvalidAttestationError: `LOG_MISSING`, it is not.
    """
    wanted = read_entry(attestation_entry(document))
    index = next((entry.index for entry in _entries(log) if entry.said == wanted), None)
    if index is None:
        raise InvalidAttestationError(Code.LOG_MISSING, "it is not in the log")
    size = log.signed.checkpoint.size
    return LogProof(index, tuple(inclusion_proof(hashes_of(log.read, size), index, size)), log.signed).to_bytes()


def goes_on_in(log: CheckedLog, kept: SignedCheckpoint) -> GoesOn | None:
    """That the log goes on from a checkpoint that was kept; None where that is of no earlier size.

    The proof may be wrong, as the files may: whoever verifies it compares roots.
    """
    old, size = kept.checkpoint.size, log.signed.checkpoint.size
    if old >= size:
        return None
    return GoesOn(old, tuple(consistency_proof(hashes_of(log.read, size), old, size)), log.signed)


def check_openings(log: CheckedLog, document: dict[str, Any], index: int) -> str:
    """Check what a document at `index` says of its trial against the openings in the log; what was found, in words.

    Raises:
        InvalidAttestationError: `LOG_INVALID`, the trial was opened after the document, with another number or level,
            or after more trials than it says.
    """
    program = program_digest(document["model_info"]["model_id"])
    openings = [e for e in _entries(log) if e.kind == OPENING and e.said.get("program") == program]
    issued = sum(e.kind == ATTESTATION and e.said.get("program") == program for e in _entries(log))
    trial = (document.get("evidence") or {}).get("trial")
    counted = f"the log shows {len(openings)} trials of the program, and {issued} attestations"
    if trial is None:
        return counted
    opened = next((e for e in openings if e.said.get("trial_id") == trial["trial_id"]), None)
    if opened is None or opened.index >= index:
        raise InvalidAttestationError(Code.LOG_INVALID, "its trial was not in the log before it")
    for name in ("number", "level_e6"):
        if opened.said.get(name) != trial[name]:
            raise InvalidAttestationError(
                Code.LOG_INVALID, f"its trial has the {name} {trial[name]}, and {opened.said.get(name)} in the log"
            )
    before = sum(1 for e in openings if e.index < opened.index and _is_of_the_year(e, opened))
    if before >= trial["number"]:
        raise InvalidAttestationError(
            Code.LOG_INVALID, f"it says that its trial is number {trial['number']}, and the log has {before} before it"
        )
    return f"{counted}; its own is the one with number {trial['number']}, opened as entry {opened.index}"


def _is_of_the_year(entry: LoggedEntry, opened: LoggedEntry) -> bool:
    if entry.opened_at is None or opened.opened_at is None:
        return False
    return entry.opened_at > opened.opened_at - A_YEAR


def _entries(log: CheckedLog) -> list[LoggedEntry]:
    try:
        return list(log.entries())
    except TelepromptError as error:
        raise InvalidAttestationError(Code.LOG_INVALID, str(error)) from error
