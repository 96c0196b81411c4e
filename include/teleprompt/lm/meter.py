"""One place that every call of every model passes: limits before it, counting after it."""

import threading
import time
from collections import Counter
from dataclasses import dataclass

from pydantic import Field

from teleprompt.config.budget import BudgetConfig
from teleprompt.records import MILLION, Record

TIMED_OUT = "Optimization timed out after {:g} seconds"
"""The documents' words."""

NEARLY = 0.9
"""Part of a limit from which on it counts as nearly used up."""


class CallsStopped(BaseException):
    """Ends a piece of work from inside. Not an `Exception`: DSPy's optimizers swallow those and go on."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class ModelGone(BaseException):
    """The language model does not answer, after all tries; what was done is kept."""

    def __init__(self, cause: Exception) -> None:
        super().__init__(type(cause).__name__)
        self.cause = cause


class Spend(Record):
    """What calls of language models came to."""

    calls: int = 0
    """Requests that were sent, repeated ones included; those of an earlier try of the same work too."""
    kept: int = 0
    """Of these, answers that an earlier try had paid for, and that were taken instead of asking again."""
    tokens_in: int = 0
    tokens_out: int = 0
    cost_e6: int = 0
    """Estimated price in millionths of a dollar."""
    unpriced: int = 0
    """Answers whose price is not known; they count as calls and tokens."""
    failures: dict[str, int] = Field(default_factory=dict)
    """Requests that failed, by kind of error."""

    def __add__(self, other: "Spend") -> "Spend":
        sums = {
            name: getattr(self, name) + getattr(other, name)
            for name in ("calls", "kept", "tokens_in", "tokens_out", "cost_e6", "unpriced")
        }
        return Spend(**sums, failures=dict(sorted((Counter(self.failures) + Counter(other.failures)).items())))


@dataclass(frozen=True)
class Answered:
    """What one answer cost."""

    tokens_in: int
    tokens_out: int
    cost_e6: int | None
    """None where the price is not known."""


class Meter:
    """Counts calls and stops them at the limits; one for all models of a piece of work, and for all its threads.

    Calls are counted before they are sent, so their limit is exact. Tokens and price are known afterwards: calls that
    are under way when such a limit is reached still end.
    """

    def __init__(
        self,
        budget: BudgetConfig | None = None,
        *,
        timeout_seconds: float | None = None,
        before: Spend | None = None,
    ) -> None:
        """`before` was spent of the same budget by work that is over."""
        self._budget = budget or BudgetConfig()
        self._before = before or Spend()
        self._timeout = timeout_seconds
        self._started = time.monotonic()
        self._lock = threading.Lock()
        self._failures: Counter[str] = Counter()
        self._spend = Spend()
        self.stopped: str | None = None
        """Why no call may start any more."""
        self._outage: Exception | None = None

    @property
    def spend(self) -> Spend:
        """What was spent so far."""
        with self._lock:
            return self._spend.model_copy(update={"failures": dict(sorted(self._failures.items()))})

    @property
    def seconds_left(self) -> float | None:
        """Until the time limit; None without one."""
        return None if self._timeout is None else self._timeout - (time.monotonic() - self._started)

    def stop(self, reason: str) -> None:
        """Let no call start from now on."""
        with self._lock:
            self.stopped = self.stopped or reason

    def outage(self, cause: Exception) -> ModelGone:
        """What ends the work where the model does not answer; no call starts from now on."""
        self.gone(cause)
        return ModelGone(cause)

    def uncounted(self) -> None:
        """Take a call back that turned out to be none: what was asked in its place counts for itself."""
        with self._lock:
            self._add(calls=-1)

    def gone(self, cause: Exception) -> None:
        """Let no call start from now on: the model does not answer, and threads may still wait to ask."""
        with self._lock:
            self._outage = self._outage or cause
            self.stopped = self.stopped or "The language model does not answer"

    def check_outage(self) -> None:
        """Say that the model is gone, to whoever would take that for a limit.

        Raises:
            ModelGone: it did not answer before.
        """
        if self._outage is not None:
            raise ModelGone(self._outage)

    def before_call(self) -> None:
        """Count a call that is about to be sent.

        Raises:
            CallsStopped: a limit is reached; it is not to be sent.
            ModelGone: the model did not answer before; that is no limit, and must decide nothing.
        """
        self.check_outage()
        with self._lock:
            self.stopped = self.stopped or self._reached()
            if self.stopped is not None:
                raise CallsStopped(self.stopped)
            self._add(calls=1)

    def reused(self) -> None:
        """Count that an answer of an earlier try is taken instead of a call."""
        with self._lock:
            self._add(kept=1)

    def answered(self, answer: Answered, *, kept: bool = False) -> None:
        """Count an answer; a `kept` one was paid for by an earlier try, call included."""
        with self._lock:
            self._add(
                calls=int(kept),
                tokens_in=answer.tokens_in,
                tokens_out=answer.tokens_out,
                cost_e6=answer.cost_e6 or 0,
                unpriced=int(answer.cost_e6 is None),
            )

    def failed(self, kind: str, *, kept: bool = False) -> None:
        """Count a request that failed; a `kept` one belongs to an earlier try."""
        with self._lock:
            self._failures[kind] += 1
            self._add(calls=int(kept))

    def nearly_spent(self) -> bool:
        """Whether so little is left that an optimizer should come to its end."""
        with self._lock:
            return self.stopped is not None or any(used >= NEARLY * limit for used, limit, _ in self._limits())

    def _add(self, **more: int) -> None:
        self._spend = self._spend.model_copy(update={k: getattr(self._spend, k) + v for k, v in more.items()})

    def _reached(self) -> str | None:
        return next((words for used, limit, words in self._limits() if used >= limit), None)

    def _limits(self) -> list[tuple[float, float, str]]:
        budget, spend = self._budget, self._spend + self._before
        limits = [
            (spend.calls, budget.max_calls, "{:g} calls"),
            (spend.tokens_in + spend.tokens_out, budget.max_tokens, "{:g} tokens"),
            (spend.cost_e6 / MILLION, budget.max_cost_usd, "{:g} US dollars"),
        ]
        found = [
            (used, limit, f"The budget of {words.format(limit)} was reached")
            for used, limit, words in limits
            if limit is not None
        ]
        if self._timeout is not None:
            elapsed = time.monotonic() - self._started
            found.append((elapsed, self._timeout, TIMED_OUT.format(self._timeout)))
        return found
