"""What a promotion rests on."""

from enum import StrEnum


class PromoteOn(StrEnum):
    """What was compared; each is stronger than those before it."""

    AGREEMENT = "agreement"
    """Agreement with logged answers that turned out well: a proxy of the outcome."""
    REFERENCE = "reference"
    """Agreement with what people say should have been answered."""
    OUTCOME = "outcome"
    """What came of the calls of both versions in production."""


COMPARED = {
    PromoteOn.AGREEMENT: "agreement with logged answers that turned out well: a proxy of the outcome",
    PromoteOn.REFERENCE: "agreement with the answers that people expect",
    PromoteOn.OUTCOME: "the outcome itself",
}
"""What was compared, in words."""
