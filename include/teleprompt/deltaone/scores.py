"""What is compared: the scores of answers, in millionths, and their exact mean."""

from collections.abc import Sequence

from teleprompt.errors import TelepromptError
from teleprompt.records import MILLION, Digest, Record


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


def check_scores(baseline: Sequence[int], optimized: Sequence[int], groups: Sequence[str] | None) -> None:
    """Whether these are scores, in millionths, of two programs on the same examples, and groups of these.

    Raises:
        TelepromptError: no example, unequal lengths, or a score that is no whole number in [0, 1,000,000].
    """
    if not baseline or len(baseline) != len(optimized):
        raise TelepromptError(
            f"The gate needs the same examples for both programs, at least one "
            f"(got {len(baseline)} and {len(optimized)}); collect more traces or raise `split.gate`."
        )
    if groups is not None and len(groups) != len(baseline):
        raise TelepromptError(
            f"There are {len(baseline)} examples and {len(groups)} groups; give each example its own."
        )
    scores = (*baseline, *optimized)
    if set(map(type, scores)) != {int}:  # NaN is a float, and a bool would be an int
        wrong = next(score for score in scores if type(score) is not int)
        raise TelepromptError(f"The score {wrong!r} is no whole number of millionths; correct the program's metric.")
    if min(scores) < 0 or max(scores) > MILLION:
        raise TelepromptError("A score is outside [0, 1]; correct the program's metric.")
