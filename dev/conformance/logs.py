"""What a public log shows of a document: proofs, witnesses, checkpoints that were kept, keys that ended."""

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from dev.conformance.case import Case, Document, Files, signed
from dev.conformance.valid import SECOND
from teleprompt.attest.trust_list import load_trust_list
from teleprompt.attest.trust_list_signing import sign_list
from teleprompt.transparency.entries import attestation_entry, opening_entry, signers_entry
from teleprompt.transparency.proof import LogProof
from teleprompt.window import format_utc
from tests.attest.documents import BODY, DOCUMENT, SIGNER, SIGNER_ADDRESS
from tests.transparency.keys import Cosigner
from tests.transparency.made_log import MadeLog

OTHERS = [signers_entry(number=number, list_digest="ab" * 32) for number in range(1, 301)]
TWICE = signed(BODY, SIGNER, SECOND)
ENTRIES = [*OTHERS[:260], attestation_entry(DOCUMENT), *OTHERS[260:], attestation_entry(TWICE)]
PLACE, SIZE = 260, 280
LOG, OTHER_KEY = MadeLog(ENTRIES), MadeLog(ENTRIES, seed=2)
FORK = MadeLog([*OTHERS[:259], OTHERS[299], *ENTRIES[260:]])
ELSEWHERE = MadeLog(ENTRIES, origin="log.example/another")
FIRST, NEXT, FALSE = Cosigner(), Cosigner("witness.example/next", 78), Cosigner("witness.example/w", 79)
IN_TIME, END, LATER = (int(datetime.fromisoformat(f"2026-01-{day}T00:00:00Z").timestamp()) for day in (18, 20, 22))
NAMED = ("--log", str(LOG.key))
WITNESSED = (*NAMED, "--witness", str(FIRST.key))
BOTH = (*WITNESSED, "--witness", str(NEXT.key))
KEPT = LOG.checkpoint(200).data


def log_cases() -> Iterator[Case]:
    """The log has 302 entries, so that its tree has two levels of tiles."""
    yield _case("proof", "OK", LOG.proof(PLACE, SIZE))
    yield _case("proof-of-a-named-log", "OK", LOG.proof(PLACE, SIZE), NAMED)
    yield _case("proof-of-one-of-two-named-logs", "OK", LOG.proof(PLACE, SIZE), ("--log", str(ELSEWHERE.key), *NAMED))
    yield _case("proof-in-the-smallest-tree", "OK", LOG.proof(PLACE, PLACE + 1), NAMED)
    yield _case("proof-in-a-log-of-one", "OK", MadeLog([attestation_entry(DOCUMENT)]).proof(0), NAMED)
    yield _case("proof-with-extra", "OK", LOG.proof(PLACE, SIZE, extra=b"anything"), NAMED)
    yield _case("two-signatures", "OK", LOG.proof(301), NAMED, document=TWICE)
    yield Case("log-missing", "LOG_MISSING", DOCUMENT, NAMED)
    for name, data in _no_proofs():
        yield _case(name, "LOG_INVALID", data, NAMED)
    yield _case("unsigned-log", "LOG_INVALID", _bytes().split(b"\n\xe2\x80\x94")[0] + b"\n", NAMED)
    yield _case("another-signature-on-the-document", "LOG_INVALID", LOG.proof(PLACE, SIZE), NAMED, document=TWICE)
    yield _case("changed-size", "LOG_UNTRUSTED", _bytes(b"\n280\n", b"\n281\n"), NAMED)
    root = base64.b64encode(LOG.checkpoint(SIZE).checkpoint.root)
    yield _case("changed-root", "LOG_INVALID", _bytes(root, base64.b64encode(b"x" * 32)), NAMED)
    yield _case("a-log-that-is-not-named", "LOG_UNTRUSTED", ELSEWHERE.proof(PLACE, SIZE), NAMED)
    yield _case("a-key-that-is-not-named", "LOG_UNTRUSTED", OTHER_KEY.proof(PLACE, SIZE), NAMED)
    yield from _witness_cases()
    yield from _kept_cases()
    yield from _cases_of_keys_that_ended()


def _witness_cases() -> Iterator[Case]:
    cosigned, twice = LOG.proof(PLACE, SIZE, (FIRST, LATER)), LOG.proof(PLACE, SIZE, (FIRST, LATER), (NEXT, IN_TIME))
    yield _case("cosigned", "OK", cosigned, WITNESSED)
    yield _case("cosigned-by-one-of-two", "OK", cosigned, BOTH)
    yield _case("cosigned-by-both", "OK", twice, (*BOTH, "--witnesses", "2"))
    yield _case("cosigned-by-one-where-two-are-asked", "LOG_UNWITNESSED", cosigned, (*BOTH, "--witnesses", "2"))
    yield _case("not-cosigned", "LOG_UNWITNESSED", LOG.proof(PLACE, SIZE), WITNESSED)
    yield _case("cosigned-by-another", "LOG_UNWITNESSED", LOG.proof(PLACE, SIZE, (NEXT, LATER)), WITNESSED)
    yield _case("another-key-under-the-witness-name", "LOG_UNWITNESSED", LOG.proof(PLACE, SIZE, (FALSE, 1)), WITNESSED)
    moved = _with_line(FIRST.line(LOG.checkpoint(SIZE + 1).note.text, LATER))
    yield _case("cosignature-of-another-checkpoint", "LOG_UNTRUSTED", moved, WITNESSED)
    line = FIRST.line(LOG.checkpoint(SIZE).note.text, LATER)
    yield _case("cosignature-at-another-time", "LOG_UNTRUSTED", _with_line(_at_another_time(line)), WITNESSED)
    beyond = _with_line(FIRST.line(LOG.checkpoint(SIZE).note.text, 2**62))
    yield _case("cosignature-beyond-all-times", "LOG_UNTRUSTED", beyond, WITNESSED)


def _kept_cases() -> Iterator[Case]:
    def case(name: str, code: str, kept: bytes, shown: bytes | None = None, size: int = SIZE) -> Case:
        more = {"--kept": kept, **({} if shown is None else {"--consistency": shown})}
        return _case(f"kept-{name}", code, LOG.proof(PLACE, size), NAMED, files=more)

    goes_on = LOG.goes_on(200, SIZE).to_bytes()
    yield case("earlier", "OK", KEPT, goes_on)
    yield case("later", "OK", LOG.checkpoint(290).data, LOG.goes_on(SIZE, 290).to_bytes())
    yield case("the-same", "OK", LOG.checkpoint(SIZE).data)
    yield case("of-a-power-of-two", "OK", LOG.checkpoint(256).data, LOG.goes_on(256, SIZE).to_bytes())
    yield case("empty", "OK", LOG.checkpoint(0).data)
    yield case("without-proof", "LOG_FORKED", KEPT)
    yield case("with-a-proof-from-elsewhere", "LOG_FORKED", KEPT, LOG.goes_on(199, SIZE).to_bytes())
    yield case("with-a-proof-to-elsewhere", "LOG_FORKED", KEPT, LOG.goes_on(200, 281).to_bytes())
    lines = goes_on.split(b"\n")
    yield case("with-a-short-proof", "LOG_FORKED", KEPT, b"\n".join([lines[0], *lines[2:]]))
    yield case("of-a-fork", "LOG_FORKED", FORK.checkpoint(270).data, FORK.goes_on(270, SIZE).to_bytes())
    yield case("of-a-fork-of-the-same-size", "LOG_FORKED", FORK.checkpoint(SIZE).data)
    rolled_back = LOG.proof(PLACE, 270)
    yield _case("kept-of-a-later-fork", "LOG_FORKED", rolled_back, NAMED, files={
        "--kept": FORK.checkpoint(300).data, "--consistency": FORK.goes_on(270, 300).to_bytes(),
    })  # fmt: skip


def _cases_of_keys_that_ended() -> Iterator[Case]:
    """The document is of the 15th, and its key signs until the 20th."""
    in_time, late = LOG.proof(PLACE, SIZE, (FIRST, IN_TIME)), LOG.proof(PLACE, SIZE, (FIRST, LATER))
    watched = _list(until=END, witnesses=[str(FIRST.key)])
    yield _case("ended-key-in-time", "OK", in_time, files=watched)
    yield _case("ended-key-in-time-of-a-named-log", "OK", in_time, NAMED, files=watched)
    yield Case("log-ended-key-without-proof", "SIGNER_OUT_OF_TIME", DOCUMENT, files=watched)
    yield _case("ended-key-not-cosigned", "SIGNER_OUT_OF_TIME", LOG.proof(PLACE, SIZE), files=watched)
    yield _case("ended-key-late", "SIGNER_OUT_OF_TIME", late, files=watched)
    at_the_end = LOG.proof(PLACE, SIZE, (FIRST, END))
    yield _case("ended-key-at-its-end", "SIGNER_OUT_OF_TIME", at_the_end, files=watched)
    stranger = LOG.proof(PLACE, SIZE, (NEXT, IN_TIME))
    yield _case("ended-key-cosigned-by-another", "SIGNER_OUT_OF_TIME", stranger, files=watched)
    yield _case(
        "ended-key-in-another-log", "LOG_UNTRUSTED", OTHER_KEY.proof(PLACE, SIZE, (FIRST, IN_TIME)), files=watched
    )
    two = _list(until=END, witnesses=[str(FIRST.key), str(NEXT.key)])
    yield _case(
        "ended-key-one-of-two-in-time", "OK", LOG.proof(PLACE, SIZE, (FIRST, LATER), (NEXT, IN_TIME)), files=two
    )
    both_asked = (*BOTH, "--witnesses", "2")
    yield _case(
        "ended-key-two-asked-and-one-in-time", "SIGNER_OUT_OF_TIME",
        LOG.proof(PLACE, SIZE, (FIRST, LATER), (NEXT, IN_TIME)), both_asked, files=two,
    )  # fmt: skip
    yield Case("log-key-in-use-without-proof", "OK", DOCUMENT, files=_list(until=None, witnesses=[str(FIRST.key)]))
    yield Case("log-ended-key-where-nobody-watches", "OK", DOCUMENT, files=_list(until=END, witnesses=[]))


def _case(
    name: str,
    code: str,
    proof: LogProof | bytes,
    arguments: tuple[str, ...] = (),
    *,
    document: Document = DOCUMENT,
    files: Files | None = None,
) -> Case:
    data = proof if isinstance(proof, bytes) else proof.to_bytes()
    return Case(f"log-{name}", code, document, arguments, files={"--log-proof": data, **(files or {})})


def _bytes(old: bytes = b"", new: bytes = b"") -> bytes:
    return LOG.proof(PLACE, SIZE).to_bytes().replace(old, new, 1) if old else LOG.proof(PLACE, SIZE).to_bytes()


def _with_line(line: str) -> bytes:
    return _bytes() + line.encode()


def _at_another_time(line: str) -> str:
    """The same signature under a time of ten days before."""
    head, _, encoded = line.strip().rpartition(" ")
    data = base64.b64decode(encoded)
    moment = int.from_bytes(data[4:12]) - 864_000
    return f"{head} {base64.b64encode(data[:4] + moment.to_bytes(8) + data[12:]).decode()}\n"


def _no_proofs() -> list[tuple[str, bytes]]:
    lines = _bytes().split(b"\n")
    return [
        ("proof-empty", b""),
        ("proof-of-another-kind", b"{}"),
        ("proof-of-another-version", _bytes(b"@v1", b"@v2")),
        ("proof-not-utf8", _bytes() + b"\xff"),
        ("proof-index-of-another", _bytes(b"index 260", b"index 261")),
        ("proof-index-with-zero", _bytes(b"index 260", b"index 0260")),
        ("proof-index-beyond", _bytes(b"index 260", b"index 280")),
        ("proof-index-too-large", _bytes(b"index 260", b"index 99999999999999999")),
        ("proof-without-index", b"\n".join([lines[0], *lines[2:]])),
        ("proof-hash-missing", b"\n".join([*lines[:2], *lines[3:]])),
        ("proof-hash-twice", b"\n".join([*lines[:3], lines[2], *lines[3:]])),
        ("proof-hashes-exchanged", b"\n".join([*lines[:2], lines[3], lines[2], *lines[4:]])),
        ("proof-hash-cut", b"\n".join([*lines[:2], b"AAAA", *lines[3:]])),
        ("proof-hash-no-base64", b"\n".join([*lines[:2], b"*" * 44, *lines[3:]])),
        ("proof-hash-in-another-form", b"\n".join([*lines[:2], lines[2].replace(b"=", b""), *lines[3:]])),
        ("proof-too-many-hashes", b"\n".join([*lines[:2], *[lines[2]] * 64, *lines[2:]])),
        ("proof-without-checkpoint", b"\n".join(lines[:5])),
        ("proof-extra-no-base64", b"\n".join([lines[0], b"extra *", *lines[1:]])),
        ("proof-extra-after-index", b"\n".join([*lines[:2], b"extra AAAA", *lines[2:]])),
        ("proof-with-carriage-returns", _bytes().replace(b"\n", b"\r\n")),
        ("proof-line-no-signature", _bytes() + b"more\n"),
        ("proof-without-last-newline", _bytes()[:-1]),
        ("proof-of-another-document", LOG.proof(259, SIZE).to_bytes()),
        ("proof-of-an-opening", MadeLog([_opening()]).proof(0).to_bytes()),
    ]  # fmt: skip


def _opening() -> bytes:
    return opening_entry(
        program="Shelves", trial_id="cd" * 32, number=1, level_e6=12_500, opened_at="2026-01-01T00:00:00Z",
        opening_digest="ef" * 32,
    )  # fmt: skip


def _list(*, until: int | None, witnesses: list[str]) -> Files:
    key: dict[str, Any] = {"address": SIGNER_ADDRESS, "valid_from": "2026-01-01T00:00:00Z"}
    if until is not None:
        key["valid_until"] = format_utc(datetime.fromtimestamp(until, tz=UTC))
    written = {
        "list_type": "teleprompt_signers",
        "signers_version": "1.0",
        "number": 8,
        "published_at": "2026-02-01T00:00:00Z",
        "signers": [key],
        "revoked_documents": [],
        "log": {"key": str(LOG.key), "witnesses": witnesses},
    }
    listed = sign_list(load_trust_list(json.dumps(written).encode(), "the list"), [SECOND])
    return {"--signers": listed.to_dict()}
