"""The stable codes that verification answers with; documented in docs/attestation.md."""

from enum import StrEnum

from include.teleprompt.errors import TelepromptError


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
    SIGNATURE_MISSING = "SIGNATURE_MISSING"
    SIGNATURE_INVALID = "SIGNATURE_INVALID"
    SIGNER_UNTRUSTED = "SIGNER_UNTRUSTED"
    SIGNATURES_TOO_FEW = "SIGNATURES_TOO_FEW"
    PROOF_INVALID = "PROOF_INVALID"


class InvalidAttestationError(TelepromptError):
    """The document is not a valid attestation; `code` says why, stably."""

    def __init__(self, code: Code, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
