"""What a list of signers takes and refuses: keys in and out of their time, revoked keys and documents."""

import json
from collections.abc import Iterator
from typing import Any

from dev.conformance.case import Case, Document, signed, without
from dev.conformance.valid import SECOND
from teleprompt.attest.trust_list import load_trust_list
from teleprompt.attest.trust_list_signing import sign_list
from tests.attest.documents import BODY, DOCUMENT, SIGNER, SIGNER_ADDRESS

DECIDED = BODY["timestamp"]
BEFORE, AFTER = "2026-01-15T11:59:59Z", "2026-01-15T12:00:01Z"
HASH = DOCUMENT["attestation_hash"]
TWICE = signed(BODY, SIGNER, SECOND)


def list_cases() -> Iterator[Case]:
    """Each with a list of its own."""
    yield _case("in-its-time", "OK", _key())
    yield _case("from-the-moment-on", "OK", _key(valid_from=DECIDED))
    yield _case("until-a-second-later", "OK", _key(valid_until=AFTER))
    yield _case("before-its-time", "SIGNER_OUT_OF_TIME", _key(valid_from=AFTER))
    yield _case("until-the-moment", "SIGNER_OUT_OF_TIME", _key(valid_until=DECIDED))
    yield _case("not-listed", "SIGNER_UNTRUSTED", _key(SECOND.address))
    yield _case("nobody-is-listed", "OK")
    yield _case("revoked-from-the-moment-on", "SIGNER_REVOKED", _key(revoked=_revoked(DECIDED)))
    yield _case("revoked-before", "SIGNER_REVOKED", _key(revoked=_revoked(BEFORE)))
    yield _case("revoked-later-and-known", "OK", _key(revoked=_revoked(AFTER, HASH)))
    yield _case("revoked-later-and-maybe-dated-back", "SIGNER_REVOKED", _key(revoked=_revoked(AFTER)))
    yield _case(
        "known-and-out-of-its-time", "SIGNER_OUT_OF_TIME", _key(valid_from=AFTER, revoked=_revoked(AFTER, HASH))
    )
    yield _case("unsigned", "SIGNATURE_MISSING", _key(), document=without("proof"))
    yield _case("document-revoked", "DOCUMENT_REVOKED", _key(), documents=(HASH,))
    yield _case("document-revoked-and-unsigned", "DOCUMENT_REVOKED", documents=(HASH,), document=without("proof"))
    yield _case("another-document-revoked", "OK", _key(), documents=("0" * 64,))
    lapsed, good = _key(revoked=_revoked(BEFORE)), _key(SECOND.address)
    yield _case("one-of-two-revoked", "OK", lapsed, good, document=TWICE)
    yield _case(
        "one-of-two-revoked-both-asked", "SIGNER_REVOKED", lapsed, good, document=TWICE, arguments=("--threshold", "2")
    )
    named = ("--signer", SIGNER_ADDRESS)
    yield _case("one-of-two-revoked-that-is-named", "SIGNER_REVOKED", lapsed, good, document=TWICE, arguments=named)
    yield _case("named-and-not-listed", "OK", _key(SECOND.address), arguments=named)
    yield _case("revoked-before-unexpected", "SIGNER_REVOKED", lapsed, arguments=("--program", "Shelves"))


def _case(
    name: str,
    code: str,
    *signers: dict[str, Any],
    documents: tuple[str, ...] = (),
    document: Document = DOCUMENT,
    arguments: tuple[str, ...] = (),
) -> Case:
    written = {
        "list_type": "teleprompt_signers",
        "signers_version": "1.0",
        "number": 7,
        "published_at": "2026-02-01T00:00:00Z",
        "signers": list(signers),
        "revoked_documents": [{"attestation_hash": digest, "at": AFTER, "why": "wrong labels"} for digest in documents],
    }
    listed = sign_list(load_trust_list(json.dumps(written).encode(), name), [SECOND])
    return Case(f"list-{name}", code, document, arguments, files={"--signers": listed.to_dict()})


def _key(address: str = SIGNER_ADDRESS, *, valid_from: str = "2026-01-01T00:00:00Z", **rest: Any) -> dict[str, Any]:
    return {"address": address, "valid_from": valid_from, **rest}


def _revoked(at: str, *documents: str) -> dict[str, Any]:
    return {"at": at, "why": "found in a repository", "documents": list(documents)}
