"""Running a program on examples and scoring each answer."""

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from include.teleprompt.errors import LanguageModelUnavailableError, TelepromptError
from include.teleprompt.evaluate.calls import call_counter
from include.teleprompt.evaluate.metrics import Metric
from include.teleprompt.records import Record, to_millionths

MAX_FAILURE_SHARE = 0.1


class Scores(Record):
    """The score of each example in order, in millionths, and how many calls failed, by error type."""

    values_e6: tuple[int, ...]
    failures: dict[str, int]
    lm_calls: int

    @property
    def mean_e6(self) -> int:
        """The mean in millionths, rounded half-even."""
        return mean_e6(self.values_e6)


def mean_e6(values_e6: Sequence[int]) -> int:
    """Mean of integers, rounded half-even; exact, unlike a sum of floats."""
    quotient, rest = divmod(sum(values_e6), len(values_e6))
    twice = 2 * rest
    return quotient + (twice > len(values_e6) or (twice == len(values_e6) and quotient % 2 == 1))


def score_program(program: Any, examples: Sequence[Any], metric: Metric, *, lm: Any, num_threads: int) -> Scores:
    """The metric's value for the program's answer to each example.

    A failure of the program (an unparsable answer, an exception of its own) scores 0 and is counted;
    `dspy.Evaluate` would score it 0 without a word, and log the user's text. A failure of the language model ends the
    scoring: an outage must not count as a bad answer.

    Raises:
        LanguageModelUnavailableError: the language model failed, after its own retries.
        TelepromptError: more than a tenth of the answers failed, or the metric left [0, 1].
    """
    from dspy.utils.exceptions import LMError, LMInvalidRequestError

    failures: Counter[str] = Counter()
    most = MAX_FAILURE_SHARE * len(examples)
    counter = call_counter()

    def score(example: Any) -> int:
        import dspy

        with dspy.context(lm=lm, callbacks=[counter]):
            try:
                prediction = program(**example.inputs())
            except LMError as error:
                if not isinstance(error, LMInvalidRequestError):
                    raise LanguageModelUnavailableError(error) from error
                failures[type(error).__name__] += 1
                return 0
            except Exception as error:
                failures[type(error).__name__] += 1
                if failures.total() > most:
                    raise _too_many(failures, len(examples)) from error
                return 0
            return _millionths(metric(example, prediction))

    with ThreadPoolExecutor(num_threads) as pool:
        try:
            values = tuple(pool.map(score, examples))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    if failures.total() > most:
        raise _too_many(failures, len(examples))
    return Scores(values_e6=values, failures=dict(sorted(failures.items())), lm_calls=counter.calls)


def _too_many(failures: Counter[str], examples: int) -> TelepromptError:
    kinds = ", ".join(f"{kind} x{n}" for kind, n in failures.most_common())
    return TelepromptError(
        f"{failures.total()} of {examples} program calls failed ({kinds}), more than a tenth; correct the program."
    )


def _millionths(value: Any) -> int:
    score = float(value)
    if not 0 <= score <= 1:  # NaN is not either
        raise TelepromptError(f"The metric gave {value!r}; it must give a number from 0 to 1.")
    return to_millionths(score)
