"""That a document is in a public log: by a proof beside it, offline.

A proof is a file of its own (c2sp.org/tlog-proof), for a document is signed before it is logged, has its id by its
content, and gets better proofs later, when witnesses have cosigned.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from teleprompt.attest.codes import Code, InvalidAttestationError
from teleprompt.errors import ConfigurationError
from teleprompt.records import Record
from teleprompt.transparency import stamp
from teleprompt.transparency.checkpoint import SignedCheckpoint
from teleprompt.transparency.entries import attestation_entry
from teleprompt.transparency.note import COSIGNATURE, LOG, NoteError, NoteKey
from teleprompt.transparency.proof import GoesOn, LogProof
from teleprompt.window import format_utc

if TYPE_CHECKING:
    from cryptography.x509 import Certificate


@dataclass(frozen=True)
class LogPolicy:
    """What a verifier asks of the log that a document is in. It comes from him, never from who hands over the proof."""

    keys: Sequence[NoteKey] = ()
    """Of logs, one of which must have it."""
    witnesses: Sequence[NoteKey] = ()
    quorum: int = 0
    """So many of the witnesses must have cosigned."""
    authorities: "Sequence[Certificate]" = ()
    """Whose time stamps count: an authority's certificate, or that of who issued it."""
    kept: SignedCheckpoint | None = None
    """A checkpoint that the verifier has seen before, and that the log must go on from, or lead to."""
    goes_on: GoesOn | None = None
    """That it does."""


class Logged(Record):
    """Where a document stands in a log."""

    origin: str
    index: int
    """From 0."""
    size: int
    """Entries of the log then."""
    signed: bool
    """By the log's key, which the verifier named; without one anybody could have made the log."""
    witnesses: tuple[str, ...]
    """Those of the trusted ones who cosigned."""
    by: str | None
    """It was there by then at the latest, as witnesses or an authority say; None where none of them is trusted."""

    @property
    def in_words(self) -> str:
        """For people."""
        of = f"entry {self.index} of {self.size} of the log {self.origin}"
        if not self.signed:
            return f"{of}, whose key you did not name: anybody could have made it"
        vouched = f", cosigned by {' and '.join(self.witnesses)}" if self.witnesses else ""
        return f"{of}{vouched}" + (f", there by {self.by}" if self.by else "")


def log_policy(
    keys: Sequence[str] = (),
    witnesses: Sequence[str] = (),
    *,
    quorum: int | None = None,
    authorities: bytes | None = None,
    kept: bytes | None = None,
    goes_on: bytes | None = None,
) -> LogPolicy:
    """The policy of what a verifier wrote; `authorities` are certificates as PEM.

    Raises:
        ConfigurationError: something of it is not of its form, or asks for more witnesses than it names.
    """
    try:
        read = LogPolicy(
            keys=[_key(text, LOG) for text in keys],
            witnesses=[_key(text, COSIGNATURE) for text in witnesses],
            quorum=(1 if witnesses else 0) if quorum is None else quorum,
            authorities=_certificates(authorities),
            kept=None if kept is None else SignedCheckpoint.parse(kept),
            goes_on=None if goes_on is None else GoesOn.parse(goes_on),
        )
    except NoteError as error:
        raise ConfigurationError(f"What names the log cannot be used ({error}); correct it.") from error
    if read.quorum > len({key.id for key in read.witnesses}):
        raise ConfigurationError(f"{read.quorum} witnesses are asked for, and fewer named; name as many.")
    if read.kept is not None:
        _check_is_signed(read.kept, read.keys)
    return read


def _check_is_signed(kept: SignedCheckpoint, keys: Sequence[NoteKey]) -> None:
    """Refuse a checkpoint that none of the logs has signed."""
    key = next((key for key in keys if key.name == kept.checkpoint.origin), None)
    if key is None:
        raise ConfigurationError("A kept checkpoint says nothing without the key of its log; name that, too.")
    try:
        kept.check_signed(key)
    except NoteError as error:
        raise ConfigurationError(f"The kept checkpoint is not the log's ({error}); take one that it signed.") from error


def check_logged(document: dict[str, Any], proof: bytes, policy: LogPolicy) -> Logged:
    """Check that the document, signatures and all, is the entry that the proof shows, of a log as the policy wants it.

    Raises:
        InvalidAttestationError: `LOG_INVALID`, `LOG_UNTRUSTED`, `LOG_UNWITNESSED` or `LOG_FORKED`.
    """
    try:
        read = LogProof.parse(proof)
    except NoteError as error:
        raise InvalidAttestationError(Code.LOG_INVALID, f"the file is no proof of a log ({error})") from error
    if not read.shows(attestation_entry(document)):
        raise InvalidAttestationError(Code.LOG_INVALID, "the proof is of another document, or wrong")
    signed, head = read.signed, read.signed.checkpoint
    key = next((key for key in policy.keys if key.name == head.origin), None)
    if key is None and policy.keys:
        raise InvalidAttestationError(Code.LOG_UNTRUSTED, f"{ascii(head.origin)[1:-1]} is not the log that was named")
    times = []
    try:
        if key is not None:
            signed.check_signed(key)
        if key is not None:
            times = [(one, time) for one in policy.witnesses if (time := signed.note.time_of(one)) is not None]
    except NoteError as error:
        raise InvalidAttestationError(Code.LOG_UNTRUSTED, str(error)) from error
    if key is not None and len(times) < policy.quorum:
        raise InvalidAttestationError(Code.LOG_UNWITNESSED, f"{len(times)} of {policy.quorum} witnesses cosigned")
    if policy.kept is not None:
        _check_kept(signed, policy.kept, policy.goes_on)
    return Logged(
        origin=head.origin,
        index=read.index,
        size=head.size,
        signed=key is not None,
        witnesses=tuple(one.name for one, _ in times),
        by=_latest(read, sorted(time for _, time in times), policy) if key is not None else None,
    )


def _check_kept(now: SignedCheckpoint, kept: SignedCheckpoint, shown: GoesOn | None) -> None:
    """The one must go on from the other, whichever is older; `shown` says that it does."""
    older, newer = sorted((now.checkpoint, kept.checkpoint), key=lambda head: head.size)
    if older.origin != newer.origin:
        raise InvalidAttestationError(Code.LOG_FORKED, "the checkpoint that you kept is of another log")
    if older.size == newer.size:
        if older.root != newer.root:
            raise InvalidAttestationError(Code.LOG_FORKED, "the log has another root of that size than you have seen")
        return
    if older.size == 0:
        return
    if shown is None:
        raise InvalidAttestationError(
            Code.LOG_FORKED, f"nothing shows that the log of {newer.size} goes on from that of {older.size}"
        )
    if shown.old != older.size or shown.signed.checkpoint != newer or not shown.shows(older.root):
        raise InvalidAttestationError(Code.LOG_FORKED, "the log does not go on from what you have seen")


def _latest(proof: LogProof, times: list[int], policy: LogPolicy) -> str | None:
    """When it was there at the latest, as far as so many witnesses as are asked for say, or one authority."""
    said = []
    if times:
        said.append(datetime.fromtimestamp(times[max(policy.quorum, 1) - 1], tz=UTC))
    if proof.extra and policy.authorities:
        try:
            said.append(stamp.verify(proof.extra, proof.signed.note.text.encode(), policy.authorities))
        except stamp.StampError as error:
            raise InvalidAttestationError(Code.LOG_INVALID, str(error)) from error
    return format_utc(min(said)) if said else None


def _key(text: str, kind: int) -> NoteKey:
    key = NoteKey.parse(text)
    if key.kind != kind:
        raise NoteError(f"the key of {key.name} is that of a {'witness' if key.kind == COSIGNATURE else 'log'}")
    return key


def _certificates(pem: bytes | None) -> "Sequence[Certificate]":
    from cryptography.x509 import load_pem_x509_certificates

    if pem is None:
        return ()
    try:
        return load_pem_x509_certificates(pem)
    except ValueError:
        raise ConfigurationError("The file of a time-stamping authority holds no certificate as PEM.") from None
