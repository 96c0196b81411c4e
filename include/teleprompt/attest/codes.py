"""The stable codes that verification answers with; documented in docs/attestation.md."""

from enum import StrEnum
from http import HTTPStatus

from teleprompt.errors import TelepromptError


class Code(StrEnum):
    """OK, or the first thing that is wrong, in the order in which it is looked for."""

    OK = "OK"
    TOO_LARGE = "TOO_LARGE"
    NOT_UTF8 = "NOT_UTF8"
    TOO_DEEP = "TOO_DEEP"
    NOT_JSON = "NOT_JSON"
    DUPLICATE_KEY = "DUPLICATE_KEY"
    BAD_NUMBER = "BAD_NUMBER"
    BAD_SCHEMA = "BAD_SCHEMA"
    HASH_MISMATCH = "HASH_MISMATCH"
    ID_MISMATCH = "ID_MISMATCH"
    BAD_DATES = "BAD_DATES"
    SAME_PROGRAM = "SAME_PROGRAM"
    DELTA_MISMATCH = "DELTA_MISMATCH"
    BELOW_THRESHOLD = "BELOW_THRESHOLD"
    EVIDENCE_MISMATCH = "EVIDENCE_MISMATCH"
    WEIGHTS_SUM = "WEIGHTS_SUM"
    DUPLICATE_CONTRIBUTOR = "DUPLICATE_CONTRIBUTOR"
    COUNT_MISMATCH = "COUNT_MISMATCH"
    QUARANTINE_MISMATCH = "QUARANTINE_MISMATCH"
    DOCUMENT_REVOKED = "DOCUMENT_REVOKED"
    LOG_MISSING = "LOG_MISSING"
    LOG_INVALID = "LOG_INVALID"
    LOG_UNTRUSTED = "LOG_UNTRUSTED"
    LOG_UNWITNESSED = "LOG_UNWITNESSED"
    LOG_FORKED = "LOG_FORKED"
    SIGNATURE_MISSING = "SIGNATURE_MISSING"
    SIGNATURE_INVALID = "SIGNATURE_INVALID"
    SIGNER_OUT_OF_TIME = "SIGNER_OUT_OF_TIME"
    SIGNER_REVOKED = "SIGNER_REVOKED"
    SIGNER_UNTRUSTED = "SIGNER_UNTRUSTED"
    SIGNATURES_TOO_FEW = "SIGNATURES_TOO_FEW"
    PROGRAM_UNEXPECTED = "PROGRAM_UNEXPECTED"
    VERSION_UNEXPECTED = "VERSION_UNEXPECTED"
    STATE_UNEXPECTED = "STATE_UNEXPECTED"
    TOO_OLD = "TOO_OLD"
    EVIDENCE_MISSING = "EVIDENCE_MISSING"
    PROOF_INVALID = "PROOF_INVALID"
    BUNDLE_INVALID = "BUNDLE_INVALID"


class InvalidAttestationError(TelepromptError):
    """The document is not a valid attestation; `code` says why, stably."""

    http_status = HTTPStatus.UNPROCESSABLE_ENTITY
    facts = ("code",)

    def __init__(self, code: Code, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code


class UntrustedAttestationError(TelepromptError):
    """A stored attestation is not what was issued, or nobody that this installation trusts has signed it."""

    facts = ("code",)

    def __init__(self, attestation_id: str, run_id: str, code: Code, detail: str) -> None:
        advice = {
            Code.SIGNER_UNTRUSTED: "add the address to `TELEPROMPT_TRUSTED_SIGNERS` if that key was yours",
            Code.DOCUMENT_REVOKED: "`teleprompt attest show` still prints it",
            Code.SIGNER_REVOKED: "`teleprompt signer list` shows when and why",
            Code.SIGNER_OUT_OF_TIME: "`teleprompt signer list` shows which key signs when",
            Code.SIGNATURE_MISSING: "one that was issued before there was a signer is taken only where none is set",
        }.get(code, "restore the run's artifacts from their backup")
        super().__init__(
            f"The attestation {attestation_id} in the MLflow run {run_id} cannot be trusted ({code}: {detail}); "
            f"nothing was done with it: {advice}."
        )
        self.code = code


class RevokedAttestationError(UntrustedAttestationError):
    """A stored attestation is what was issued, and was taken back, or its signer does not stand for it any more."""
