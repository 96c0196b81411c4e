"""What the log holds: canonical JSON (RFC 8785) of digests, ids and numbers. No text of a user's is in it."""

import json
from typing import Any

from teleprompt.encoding.canonical_json import canonical_json, digest_of
from teleprompt.errors import TelepromptError
from teleprompt.transparency.tiles import MOST_ENTRY_BYTES

OPENING, ATTESTATION, SIGNERS = "opening", "attestation", "signers"


def program_digest(program: str) -> str:
    """What a program is called in the log: who knows the name finds its entries, and who guesses it, too."""
    return digest_of({"program": program})


def opening_entry(
    *, program: str, trial_id: str, number: int, level_e6: int, opened_at: str, opening_digest: str
) -> bytes:
    """A candidate that was put on trial.

    Args:
        trial_id: of the trial, as attestations name it.
        number: which trial of the program's year it is.
        level_e6: its part of the year's error, in millionths, rounded up.
        opened_at: UTC, as its opening says.
        opening_digest: of the whole opening: candidate, champion, policy, window.
    """
    return _entry(
        OPENING,
        program=program_digest(program),
        trial_id=trial_id,
        number=number,
        level_e6=level_e6,
        opened_at=opened_at,
        opening_digest=opening_digest,
    )


def attestation_entry(document: dict[str, Any]) -> bytes:
    """An attestation that was issued: all of it follows from the document, signatures included."""
    trial = (document.get("evidence") or {}).get("trial") or {}
    return _entry(
        ATTESTATION,
        program=program_digest(document["model_info"]["model_id"]),
        attestation_hash=document["attestation_hash"],
        document_digest=digest_of(document),
        **({"trial_id": trial["trial_id"]} if trial else {}),
    )


def signers_entry(*, number: int, list_digest: str) -> bytes:
    """A list of signers that was published; who withholds a newer one can be found out."""
    return _entry(SIGNERS, number=number, list_digest=list_digest)


def read_entry(entry: bytes) -> dict[str, Any]:
    """What an entry says.

    Raises:
        TelepromptError: it is none of this package's.
    """
    try:
        found = json.loads(entry)
    except ValueError:
        found = None
    if not isinstance(found, dict) or canonical_json(found) != entry:
        raise TelepromptError("An entry of the public log is not in its canonical form; it is not of this package.")
    return found


def _entry(kind: str, **fields: str | int) -> bytes:
    made = canonical_json({"entry": kind, "entry_version": "1.0", **fields})
    assert len(made) <= MOST_ENTRY_BYTES  # noqa: S101 - digests and numbers
    return made
