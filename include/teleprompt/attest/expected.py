"""What somebody who is handed a document expects of it, beside that it is valid."""

from pydantic import AwareDatetime

from teleprompt.attest.codes import Code, InvalidAttestationError
from teleprompt.attest.document import Attestation
from teleprompt.records import Digest, Record
from teleprompt.window import format_utc


class Expected(Record):
    """What the document must be about; what is None is not asked. It comes from the verifier, never from the document.

    Without it a valid document of another program, or of a version that was replaced long ago, passes.
    """

    program: str | None = None
    """Name of the program, `model_info.model_id`."""
    version: str | None = None
    """The version that was promoted, `model_info.optimized_version`."""
    state_digest: Digest | None = None
    """SHA-256 of the bytes of the state that runs, `program.optimized_digest`."""
    after: AwareDatetime | None = None
    """It was decided then or later. The time is the signer's word."""
    evidence: bool = False
    """A gain that nothing backs is not enough."""


def check_expected(attestation: Attestation, expected: Expected) -> None:
    """Check that the document is about what was expected.

    Raises:
        InvalidAttestationError: with the code of the first thing that is not.
    """
    info, program = attestation.model_info, attestation.program
    if expected.program not in {None, info.model_id}:
        raise InvalidAttestationError(
            Code.PROGRAM_UNEXPECTED, f"it is about the program {info.model_id!r}, not {expected.program!r}"
        )
    if expected.version not in {None, info.optimized_version}:
        raise InvalidAttestationError(
            Code.VERSION_UNEXPECTED, f"it is about the version {info.optimized_version!r}, not {expected.version!r}"
        )
    if expected.state_digest is not None and (program is None or program.optimized_digest != expected.state_digest):
        stated = "names none" if program is None else f"names {program.optimized_digest[:16]}…"
        raise InvalidAttestationError(
            Code.STATE_UNEXPECTED, f"the state has the digest {expected.state_digest[:16]}…, and the document {stated}"
        )
    if expected.after is not None and attestation.decided_at < expected.after:
        raise InvalidAttestationError(
            Code.TOO_OLD, f"it is of {attestation.timestamp}, before {format_utc(expected.after)}"
        )
    if expected.evidence and attestation.evidence is None:
        raise InvalidAttestationError(Code.EVIDENCE_MISSING, "nothing in it backs the gain")
