"""Running a program on examples and scoring each answer."""

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from include.teleprompt.errors import TelepromptError
from include.teleprompt.evaluate.metrics import Metric
from include.teleprompt.records import MILLION, Record, to_millionths

MAX_FAILURE_SHARE = 0.1


class Scores(Record):
    """The score of each example in order, in millionths, and how many calls failed, by error type."""

    values_e6: tuple[int, ...]
    failures: dict[str, int]

    @property
    def mean_e6(self) -> int:
        """The mean in millionths, rounded half-even."""
        return mean_e6(self.values_e6)


def mean_e6(values_e6: Sequence[int]) -> int:
    """Mean of integers, rounded half-even; exact, unlike a sum of floats."""
    quotient, rest = divmod(sum(values_e6), len(values_e6))
    twice = 2 * rest
    return quotient + (twice > len(values_e6) or (twice == len(values_e6) and quotient % 2 == 1))


def score_program(
    program: Any, examples: Sequence[Any], metric: Metric, *, context: dict[str, Any], num_threads: int
) -> Scores:
    """The metric's value for the program's answer to each example.

    `context` goes to `dspy.context` in every thread (language model, callbacks). A failing call scores 0 and is
    counted; `dspy.Evaluate` would score it 0 without a word, and log the user's text.

    Raises:
        TelepromptError: more than a tenth of the calls failed, or the metric left [0, 1].
    """
    failures: Counter[str] = Counter()

    def score(example: Any) -> int:
        import dspy

        with dspy.context(**context):
            try:
                prediction = program(**example.inputs())
            except Exception as error:  # noqa: BLE001 - whatever an LM or a program raises is counted below
                failures[type(error).__name__] += 1
                return 0
            return _millionths(metric(example, prediction))

    with ThreadPoolExecutor(num_threads) as pool:
        values = tuple(pool.map(score, examples))
    failed = failures.total()
    if failed > MAX_FAILURE_SHARE * len(examples):
        kinds = ", ".join(f"{kind} x{n}" for kind, n in failures.most_common())
        raise TelepromptError(
            f"{failed} of {len(examples)} program calls failed ({kinds}); "
            "check the `teleprompt_lm` connection and the program."
        )
    return Scores(values_e6=values, failures=dict(sorted(failures.items())))


def _millionths(value: Any) -> int:
    score = to_millionths(float(value))
    if not 0 <= score <= MILLION:
        raise TelepromptError(f"The metric gave {value!r}; it must give a number from 0 to 1.")
    return score
