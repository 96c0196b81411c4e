"""Answers of a challenger that nobody is shown: asked for after the user has theirs, beside it, and never waited for.

At most `MOST_AT_ONCE` are asked for at a time; while they are, further calls have no shadow, and are counted. A thread
that a program never gives back keeps its place, so that a challenger that hangs costs places and nothing else.
"""

import asyncio
import inspect
import json
import logging
import threading
import time
from collections.abc import Callable
from contextvars import copy_context
from dataclasses import dataclass
from typing import Any

from teleprompt.traces.shadow_answer import SHADOW, ShadowAnswer

log = logging.getLogger(__name__)

MOST_AT_ONCE = 8
SECONDS = 30.0
"""After so long an answer counts as failed, whenever it comes."""
MOST_CHARACTERS = 20_000
"""Of an answer as JSON; of a longer one only that it came is kept."""


@dataclass(frozen=True)
class LateShadow:
    """A challenger's answer, on its way to the call that it stands beside."""

    trace_id: str
    answer: ShadowAnswer
    at_ms: int
    size: int

    def feedback(self) -> Any:
        """The answer as MLflow takes it."""
        from mlflow.entities import AssessmentSource, Feedback

        return Feedback(
            name=SHADOW,
            value=self.answer.to_stored(),
            source=AssessmentSource(source_type="CODE", source_id="teleprompt"),
            trace_id=self.trace_id,
            create_time_ms=self.at_ms,
            last_update_time_ms=time.time_ns() // 10**6,
        )


class Shadows:
    """The places of this process."""

    def __init__(self) -> None:
        self._places = threading.BoundedSemaphore(MOST_AT_ONCE)
        self.skipped = 0
        """Calls without a shadow, as all places were taken."""

    def ask(
        self,
        program: Any,
        given: tuple[tuple[Any, ...], dict[str, Any]],
        *,
        version: str,
        written: Callable[[Any], dict[str, Any]],
        tell: Callable[[ShadowAnswer], None],
    ) -> None:
        """Call `program` in a thread of its own and `tell` once what came of it; raises nothing and waits for nothing.

        `written` gives an answer's fields as JSON.
        """
        if not self._places.acquire(blocking=False):
            self.skipped += 1
            return
        once = _Once(tell, version)
        timer = threading.Timer(SECONDS, once.too_late)
        timer.daemon = True

        def asked() -> None:
            try:
                answer = _call(program, *given)
                outputs = written(answer)
                short = len(json.dumps(outputs)) <= MOST_CHARACTERS
                once.came(outputs if short else None, tokens=_tokens(answer))
            except Exception as error:  # noqa: BLE001 - whatever a challenger raises is what is learnt of it
                once.failed(type(error).__name__)
            finally:
                timer.cancel()
                self._places.release()

        try:
            timer.start()
            threading.Thread(target=copy_context().run, args=(asked,), name="teleprompt-shadow", daemon=True).start()
        except RuntimeError as error:  # no more threads, or the process ends
            timer.cancel()
            self._places.release()
            log.warning("No shadow was asked for (%s).", error)
            self.skipped += 1


class _Once:
    def __init__(self, tell: Callable[[ShadowAnswer], None], version: str) -> None:
        self._tell, self._version = tell, version
        self._began, self._lock, self._told = time.perf_counter(), threading.Lock(), False

    def came(self, outputs: dict[str, Any] | None, *, tokens: int | None) -> None:
        self._say(None, outputs, tokens)

    def failed(self, kind: str) -> None:
        self._say(kind, None, None)

    def too_late(self) -> None:
        self._say("TimeoutError", None, None)

    def _say(self, failure: str | None, outputs: dict[str, Any] | None, tokens: int | None) -> None:
        with self._lock:
            if self._told:
                return
            self._told = True
        milliseconds = round(1000 * (time.perf_counter() - self._began))
        self._tell(
            ShadowAnswer(
                version=self._version, latency_ms=milliseconds, failure=failure, outputs=outputs, tokens=tokens
            )
        )


def _call(program: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    import dspy

    with dspy.context(callbacks=[], track_usage=True):
        if not hasattr(type(program), "forward") and hasattr(program, "acall"):
            return asyncio.run(program.acall(*args, **kwargs))
        answer = program(*args, **kwargs)
        return asyncio.run(_awaited(answer)) if inspect.isawaitable(answer) else answer


async def _awaited(answer: Any) -> Any:
    return await answer


def _tokens(answer: Any) -> int | None:
    """That the models say were used; None where they do not say."""
    usage = getattr(answer, "get_lm_usage", lambda: None)()
    if not usage:
        return None
    return sum(int(one.get("total_tokens") or 0) for one in usage.values()) or None
