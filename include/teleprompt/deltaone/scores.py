"""What is compared: the scores of answers, in millionths, and their exact mean."""

from collections.abc import Sequence

from teleprompt.records import Digest, Record


class Usage(Record):
    """What one answer took."""

    latency_us: int
    """From the question to the answer, in microseconds, waiting for a busy model included."""
    tokens: int | None
    """In and out, of all its calls; None where none was seen."""
    cost_e6: int | None
    """Estimated price in millionths of a dollar; None where one of its calls has no known price, or none was seen."""


class ScoredAnswer(Record):
    """The scores of one answer, in millionths."""

    score_e6: int
    parts_e6: dict[str, int]
    """The metric's named scores that make it up."""
    failure: str | None = None
    """Kind of error where the program gave no answer; then the scores are 0."""
    usage: Usage | None = None
    answer: Digest | None = None
    """SHA-256 of the outputs; None where the program gave none, or from a version of the package before 0.3."""


def mean_e6(values_e6: Sequence[int]) -> int:
    """Mean of integers, rounded half-even; exact, unlike a sum of floats."""
    quotient, rest = divmod(sum(values_e6), len(values_e6))
    twice = 2 * rest
    return quotient + (twice > len(values_e6) or (twice == len(values_e6) and quotient % 2 == 1))
