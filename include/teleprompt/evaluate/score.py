"""Running a program on examples and scoring each answer."""

import copy
import json
import math
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from teleprompt.deltaone.scores import ScoredAnswer, Usage, mean_e6
from teleprompt.encoding.canonical_json import sha256_hex
from teleprompt.errors import TelepromptError, UnreadableGradeError, language_model_error
from teleprompt.evaluate.objective import Objective
from teleprompt.evaluate.quiet_dspy import quiet_dspy
from teleprompt.lm.meter import ModelGone
from teleprompt.lm.tally import Tally, counting_into, tallied
from teleprompt.program.typed_fields import given
from teleprompt.program.value_type import as_json
from teleprompt.records import Digest, Record, to_millionths
from teleprompt.storage.journal import Journal


class Scores(Record):
    """The scores of a program's answers to examples, in order."""

    answers: tuple[ScoredAnswer, ...]

    @property
    def values_e6(self) -> tuple[int, ...]:
        """The score of each example, in millionths."""
        return tuple(answer.score_e6 for answer in self.answers)

    @property
    def mean_e6(self) -> int:
        """The mean in millionths, rounded half-even."""
        return mean_e6(self.values_e6)

    @property
    def failures(self) -> dict[str, int]:
        """How many answers failed, by kind of error."""
        kinds = Counter(answer.failure for answer in self.answers if answer.failure is not None)
        return dict(sorted(kinds.items()))

    def check(self, max_error_rate: float, *, bear: Collection[str] = ()) -> None:
        """Refuse scores of which too many are failures of other kinds than those to `bear`.

        Raises:
            TooManyFailuresError: more than that share of the answers failed.
        """
        failures = {kind: n for kind, n in self.failures.items() if kind not in bear}
        failed, answers = sum(failures.values()), len(self.answers)
        if fails_too_often(failed, answers, max_error_rate):
            raise TooManyFailuresError(failed, answers, failures, max_error_rate)


def fails_too_often(failed: int, answers: int, max_error_rate: float) -> bool:
    """Whether the share of failures is above the limit; of so few answers that one would be, only if all failed."""
    few = answers * max_error_rate < 1
    return failed > 0 and (failed == answers or max_error_rate == 0 or (not few and failed > max_error_rate * answers))


TRUNCATED = "TruncatedAnswer"
"""Failure of an answer that the model was made to end (finish reason `length`)."""

UNREADABLE = ("AdapterParseError", TRUNCATED)
"""Failures of a model that is asked in a way that it cannot follow; a better prompt is their cure."""


class TooManyFailuresError(TelepromptError):
    """A program failed too often for its scores to mean anything."""

    def __init__(self, failed: int, of: int, kinds: Mapping[str, int], max_error_rate: float) -> None:
        named = ", ".join(f"{kind} x{n}" for kind, n in sorted(kinds.items(), key=lambda item: -item[1]))
        super().__init__(
            f"{failed} of {of} program calls failed ({named}), more than the share of {max_error_rate:g} that "
            "`optimization.max_error_rate` allows; correct the program."
        )


class ScoreCache:
    """Scores that are known of one program state: kept as they are made, for a retry and for later runs."""

    def __init__(self, journal: Journal | None = None, *, on_answer: Callable[[], None] = lambda: None) -> None:
        """`on_answer` is called after each new score."""
        self._journal = journal
        self._on_answer = on_answer
        kept = journal.read() if journal else []
        self._known = {entry.pop("example"): ScoredAnswer.model_validate(entry) for entry in map(dict, kept)}

    def get(self, example: Digest) -> ScoredAnswer | None:
        """The score of the example, if it is known."""
        return self._known.get(example)

    def put(self, example: Digest, answer: ScoredAnswer) -> None:
        """Keep a score."""
        self._known[example] = answer
        if self._journal and answer.failure is None:  # what failed once may not fail again
            self._journal.append({"example": example, **answer.model_dump()})
        self._on_answer()

    def close(self) -> None:
        """Keep what is not kept yet."""
        if self._journal:
            self._journal.close()


def score_program(
    program: Any,
    examples: Sequence[Any],
    objective: Objective,
    *,
    lm: Any,
    num_threads: int,
    cache: ScoreCache | None = None,
) -> Scores:
    """The objective's value for the program's answer to each example; those in `cache` are not asked for again.

    A failure of the program (an unparsable answer, a refused request, an exception of its own) scores 0 and is counted;
    `dspy.Evaluate` would score it 0 without a word, and log the user's text. A failure of the language model ends the
    scoring: an outage must not count as a bad answer.

    Raises:
        LanguageModelUnavailableError: the language model failed, after its own retries.
        CallsStopped: the meter's limit is reached.
        TelepromptError: the metric failed, or left [0, 1].
    """
    cache = cache or ScoreCache()

    def score(example: Any) -> ScoredAnswer:
        key = example_key(example)
        answer = cache.get(key)
        if answer is None:
            answer = _answer(program, example, objective, lm)
            cache.put(key, answer)
        return answer

    with quiet_dspy(), ThreadPoolExecutor(num_threads) as pool:
        try:
            return Scores(answers=tuple(pool.map(score, examples)))
        except ModelGone as gone:
            pool.shutdown(wait=False, cancel_futures=True)
            raise language_model_error(gone.cause) from None  # the cause quotes the provider
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _answer(program: Any, example: Any, objective: Objective, lm: Any) -> ScoredAnswer:
    import dspy
    from dspy.utils.exceptions import LMError, LMInvalidRequestError

    own = copy.deepcopy(dict(example.inputs().items()))  # a program may change what it is given, a history for one
    tally = Tally()
    began = time.perf_counter()
    # No callbacks: where a team logs every call (MLflow's autolog), ours must not come back as production traffic.
    with counting_into(tally), dspy.context(lm=tallied(lm, tally), callbacks=[], disable_history=True):
        try:
            prediction = program(**own)
        except LMError as error:
            if not isinstance(error, LMInvalidRequestError):
                raise ModelGone(error) from error
            return _failed(type(error).__name__)
        except Exception as error:  # noqa: BLE001 - whatever the program raises is counted as that
            return _failed(TRUNCATED if tally.cut_off else type(error).__name__)
    seconds = time.perf_counter() - began
    if tally.cut_off:
        return _failed(TRUNCATED)
    try:
        score, parts = apply_metric(objective, example, prediction)
    except UnreadableGradeError as error:
        return _failed(type(error).__name__)
    return ScoredAnswer(
        score_e6=score,
        parts_e6={name: to_millionths(part) for name, part in sorted(parts.items()) if math.isfinite(part)},
        usage=Usage(latency_us=round(seconds * 1e6), tokens=tally.tokens, cost_e6=tally.cost_e6),
        answer=_digest_of_answer(example, prediction),
    )


def _digest_of_answer(example: Any, prediction: Any) -> Digest:
    """SHA-256 of the outputs that the example has a label for."""
    outputs = {name: given(prediction, name) for name in example.labels().keys()}  # noqa: SIM118 - no mapping
    return sha256_hex(json.dumps(as_json(outputs), sort_keys=True).encode())


def digest_of_logged(example: Any) -> Digest:
    """That of the logged outputs, which equals an answer's if the answer is the same."""
    outputs = dict(example.labels().items())
    return sha256_hex(json.dumps(as_json(outputs), sort_keys=True).encode())


def _failed(kind: str) -> ScoredAnswer:
    return ScoredAnswer(score_e6=0, parts_e6={}, failure=kind)


def apply_metric(objective: Objective, example: Any, prediction: Any) -> tuple[int, dict[str, float]]:
    """The score of an answer in millionths, and the metric's named scores.

    Raises:
        UnreadableGradeError: a judge gave no grade.
        TelepromptError: the metric raises, or gives no number from 0 to 1.
    """
    try:
        parts = objective.scores(example, prediction)
        score = objective.combine(parts)
    except TelepromptError:
        raise
    except Exception as error:  # noqa: BLE001 - a user's metric may raise anything
        raise TelepromptError(f"The metric raised {type(error).__name__}; correct it.") from None  # it may quote a text
    return _millionths(score), parts


def example_key(example: Any) -> Digest:
    """SHA-256 of what an example says."""
    sides = {"inputs": dict(example.inputs().items()), "labels": dict(example.labels().items())}
    return sha256_hex(json.dumps(as_json(sides), sort_keys=True).encode())


def _millionths(value: float) -> int:
    if not 0 <= value <= 1:  # NaN is not either
        raise TelepromptError(f"The metric gave {value!r}; it must give a number from 0 to 1.")
    return to_millionths(value)
