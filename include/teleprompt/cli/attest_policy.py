"""What `attest verify` asks of a public log and of an envelope, from its options."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from teleprompt.cli.output import read_limited

if TYPE_CHECKING:
    from teleprompt.attest.logged import LogPolicy
    from teleprompt.attest.verify import Verification
    from teleprompt.transparency.check import CheckedLog


def open_files(place: str, keys: Sequence[str]) -> "CheckedLog":
    """The log whose files a verifier has; its root and its signature hold.

    Raises:
        ConfigurationError: not exactly one key was named.
        TelepromptError: it does not hold.
    """
    from teleprompt.errors import ConfigurationError
    from teleprompt.transparency.check import CheckedLog
    from teleprompt.transparency.note import NoteError, NoteKey
    from teleprompt.transparency.tiles import reader_of

    if len(keys) != 1:
        raise ConfigurationError("Anybody can make a log; name the verifier key of this one with --log.")
    try:
        return CheckedLog.open(reader_of(place), NoteKey.parse(keys[0]))
    except NoteError as error:
        raise ConfigurationError(f"--log: {error}; give the key that the log publishes.") from error


def policy_of(
    keys: Sequence[str] | None,
    witnesses: Sequence[str] | None,
    quorum: int | None,
    *,
    stamped_by: Path | None,
    kept: Path | None,
    consistency: Path | None,
    files: "CheckedLog | None",
) -> "LogPolicy | None":
    """The policy; None where nothing of a log is asked. What shows that it goes on is made of its `files`, if given.

    Raises:
        ConfigurationError: something cannot be used, or asks for what only a named log can have.
    """
    from teleprompt.attest.load import MAX_BYTES
    from teleprompt.attest.log_files import goes_on_in
    from teleprompt.attest.logged import log_policy
    from teleprompt.errors import ConfigurationError

    asked = {"--witness": witnesses, "--witnesses": quorum, "--stamped-by": stamped_by, "--kept": kept}
    if not keys:
        named = [name for name, value in asked.items() if value]
        if named:
            raise ConfigurationError(f"{named[0]} says nothing without the log's verifier key; name it with --log.")
        return None
    policy = log_policy(
        keys,
        witnesses or (),
        quorum=quorum,
        authorities=None if stamped_by is None else read_limited(stamped_by, MAX_BYTES),
        kept=None if kept is None else read_limited(kept, MAX_BYTES),
        goes_on=None if consistency is None else read_limited(consistency, MAX_BYTES),
    )
    if files is None or policy.kept is None or policy.goes_on is not None:
        return policy
    return replace(policy, goes_on=goes_on_in(files, policy.kept))


def proof_of(data: bytes, file: Path | None, files: "CheckedLog | None") -> bytes | None:
    """The proof that was given, or one made of the log's files; None where there is none."""
    from teleprompt.attest.codes import InvalidAttestationError
    from teleprompt.attest.load import MAX_BYTES, load_attestation
    from teleprompt.attest.log_files import prove_in

    if file is not None:
        return read_limited(file, MAX_BYTES)
    if files is None:
        return None
    try:
        return prove_in(files, load_attestation(data)[1])
    except InvalidAttestationError:
        return None  # it is said by who verifies the document, in its place among what is wrong


def openings_of(data: bytes, found: "Verification", files: "CheckedLog") -> str:
    """What the log says of the document's trial.

    Raises:
        InvalidAttestationError: it contradicts the document.
    """
    from teleprompt.attest.load import load_attestation
    from teleprompt.attest.log_files import check_openings

    document = load_attestation(data)[1]
    assert found.logged is not None  # noqa: S101 - a log was named, and it is valid
    return check_openings(files, document, found.logged.index)


def unwrapped(data: bytes, keys: Sequence[Path]) -> tuple[bytes, Callable[[], str] | None]:
    """The document, and where it came in a DSSE envelope the check of that; a fault of the envelope is the check's.

    Raises:
        ConfigurationError: a key was named for what is no envelope.
    """
    from teleprompt.attest.codes import InvalidAttestationError
    from teleprompt.attest.dsse import read_envelope
    from teleprompt.attest.load import MAX_BYTES
    from teleprompt.errors import ConfigurationError

    try:
        found = read_envelope(data)
    except InvalidAttestationError:
        return data, None  # which is no document, and is said so
    if found is not None:
        return found.document, partial(found.check, [_text(key, MAX_BYTES) for key in keys])
    if keys:
        raise ConfigurationError("--envelope-key is for a DSSE envelope, and the file is none; leave it out.")
    return data, None


def _text(file: Path, most: int) -> str:
    return read_limited(file, most).decode(errors="replace")
