"""Calls on their way to MLflow: taken at once, written by a thread, kept while MLflow is away, and never waited for.

What waits is bounded. Beyond that the oldest are dropped, counted and said once a minute: a service must not stop, nor
grow, because nobody can write down what it does.
"""

import atexit
import logging
import math
import os
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from teleprompt.config.settings import Settings
from teleprompt.encoding.secret_uri import SecretUri
from teleprompt.errors import ConfigurationError
from teleprompt.serving.shadow import LateShadow
from teleprompt.traces.root_span import experiment_id, root_span

log = logging.getLogger(__name__)

MOST_WAITING = 10_000
MOST_BYTES = 64 * 2**20
BATCH = 100
LONGEST_WAIT = 60.0
WARN_SECONDS = 60.0
END_SECONDS = 5.0
"""How long a process that ends waits for its last calls to be written."""


@dataclass(frozen=True)
class LoggedCall:
    """One call of a program, as it will be found in MLflow."""

    number: int
    """128 bits; its trace is `tr-<number>`."""
    program: str
    experiment: str
    tags: Mapping[str, str | None]
    inputs: Mapping[str, Any]
    outputs: Mapping[str, Any] | None
    """As JSON; None of a call that raised."""
    started_us: int
    ended_us: int
    size: int
    """Bytes, about."""

    def span(self) -> Any:
        """The call as MLflow takes it."""
        return root_span(
            self.number,
            name=self.program,
            tags=self.tags,
            inputs=self.inputs,
            outputs=self.outputs,
            started_us=self.started_us,
            ended_us=self.ended_us,
            failed=self.outputs is None,
        )


@dataclass(frozen=True)
class LateOutcome:
    """What became of a call."""

    trace_id: str
    name: str
    value: float | bool
    at_ms: int
    size: int = 200

    def feedback(self) -> Any:
        """The outcome as MLflow takes it."""
        from mlflow.entities import AssessmentSource, Feedback

        return Feedback(
            name=self.name,
            value=self.value,
            source=AssessmentSource(source_type="CODE", source_id="teleprompt"),
            trace_id=self.trace_id,
            create_time_ms=self.at_ms,
            last_update_time_ms=time.time_ns() // 10**6,
        )


Item = LoggedCall | LateOutcome | LateShadow


class CallLog:
    """The calls and outcomes of this process that are not written yet."""

    def __init__(self, tracking_uri: SecretUri) -> None:
        self._uri = tracking_uri
        self._waiting: deque[Item] = deque()
        self._bytes = 0
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._busy = False
        self._experiments: dict[str, str] = {}
        self._warned_at = -math.inf
        self.dropped = 0
        """What never reached MLflow."""

    def put(self, item: Item) -> None:
        """Take an item; costs microseconds and raises nothing."""
        with self._changed:
            self._waiting.append(item)
            self._bytes += item.size
            while len(self._waiting) > MOST_WAITING or (self._bytes > MOST_BYTES and len(self._waiting) > 1):
                self._bytes -= self._waiting.popleft().size
                self.dropped += 1
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="teleprompt-calls", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def flush(self, seconds: float) -> bool:
        """Wait until all is written, but no longer; whether it is."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._waiting and not self._busy, timeout=seconds)

    def _work(self) -> None:
        pause = 0.0
        while True:
            with self._changed:
                self._changed.wait_for(lambda: bool(self._waiting))
                batch = [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]
                self._bytes -= sum(item.size for item in batch)
                self._busy = True
            left = self._written(batch)
            with self._changed:
                self._waiting.extendleft(reversed(left))
                self._bytes += sum(item.size for item in left)
                self._busy = False
                self._changed.notify_all()
            pause = min(max(2 * pause, 0.5), LONGEST_WAIT) if left else 0.0
            self._warn(away=bool(left))
            time.sleep(pause)

    def _written(self, batch: Sequence[Item]) -> list[Item]:
        """Write a batch; what is to be tried again."""
        from teleprompt.tracking.connection import mlflow_client

        left = list(batch)
        try:
            with mlflow_client(self._uri) as client:
                store = client._tracing_client.store  # noqa: SLF001 - of MLflow's clients only this takes spans in bulk
                calls = [item for item in batch if isinstance(item, LoggedCall)]
                for experiment in dict.fromkeys(call.experiment for call in calls):
                    own = [call for call in calls if call.experiment == experiment]
                    if experiment not in self._experiments:
                        self._experiments[experiment] = experiment_id(client, experiment)
                    store.log_spans(self._experiments[experiment], [call.span() for call in own])
                    left = [item for item in left if not any(item is call for call in own)]
                for item in [item for item in left if not isinstance(item, LoggedCall)]:
                    store.create_assessment(item.feedback())
                    left.remove(item)
        except Exception as error:  # noqa: BLE001 - whatever MLflow makes of a call must not end the thread
            if not _is_refused(error):
                return left
            if len(left) > 1:  # one of them is refused; the others are not to blame
                return [item for single in left for item in self._written([single])]
            log.warning("MLflow refused a call or an outcome (%s); it is not logged.", type(error).__name__)
            self.dropped += 1
            return []
        return left

    def _warn(self, *, away: bool) -> None:
        if not (away or self.dropped) or time.monotonic() - self._warned_at < WARN_SECONDS:
            return
        self._warned_at = time.monotonic()
        if away:
            log.warning(
                "MLflow does not answer: %d calls wait to be logged, %d were dropped so far.",
                len(self._waiting), self.dropped,
            )  # fmt: skip
        elif self.dropped:
            log.warning("%d calls were dropped before they could be logged.", self.dropped)


def _is_refused(error: Exception) -> bool:
    """Whether trying again is of no use: MLflow is there, and will not have it; or it cannot even be written."""
    from mlflow import MlflowException

    from teleprompt.errors import TrackingUnavailableError

    if isinstance(error, MlflowException):
        return error.error_code in {
            "INVALID_PARAMETER_VALUE", "BAD_REQUEST", "RESOURCE_DOES_NOT_EXIST", "RESOURCE_ALREADY_EXISTS",
        }  # fmt: skip
    return not isinstance(error, (TrackingUnavailableError, OSError))


_logs: dict[SecretUri, CallLog] = {}
_making = threading.Lock()


def _begin_anew() -> None:
    """In a child: what waits is the parent's, and so are the locks that another of its threads may have held."""
    global _making
    _logs.clear()
    _making = threading.Lock()


os.register_at_fork(after_in_child=_begin_anew)


def call_log(uri: SecretUri) -> CallLog:
    """This process's log to an MLflow."""
    with _making:
        if uri not in _logs:
            _logs[uri] = CallLog(uri)
        return _logs[uri]


def log_outcome(trace_id: str, **outcomes: float | bool) -> None:
    """Say what became of the call with that trace id: `log_outcome(id, reply_rate=0.8)`. It does not wait for MLflow.

    Raises:
        ConfigurationError: there is no outcome, or one is no finite number.
    """
    for name, value in outcomes.items():
        if not isinstance(value, (bool, int, float)) or not math.isfinite(value):
            raise ConfigurationError(f"The outcome {name!r} is no finite number.")
    if not outcomes:
        raise ConfigurationError("There is no outcome to log; name it, as in `log_outcome(trace_id, reply_rate=0.8)`.")
    now = round(datetime.now(UTC).timestamp() * 1000)
    own = call_log(Settings().tracking_uri)
    for name, value in outcomes.items():
        own.put(LateOutcome(trace_id, name, value, now))


def flush_calls(seconds: float = 30.0) -> bool:
    """Wait until all calls and outcomes of this process are in MLflow, but no longer; whether they are."""
    until = time.monotonic() + seconds
    written = [each.flush(max(0.0, until - time.monotonic())) for each in list(_logs.values())]
    return all(written)


def _at_exit() -> None:
    if not flush_calls(END_SECONDS):
        log.warning("The process ended before all its calls were in MLflow.")


atexit.register(_at_exit)
