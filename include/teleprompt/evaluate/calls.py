"""Counting language-model calls, and ending them at a deadline."""

import threading
import time
from collections import Counter
from typing import Any


class CompileCancelled(BaseException):
    """Ends a compile from inside. Not an `Exception`: DSPy's optimizers swallow those and go on."""


def call_counter(*, deadline: float | None = None) -> Any:
    """A DSPy callback that counts the calls of the language model.

    On the result `calls` is the number of calls that began and `failures` counts the errors of predictors by type.
    After `deadline`, a time of `time.monotonic()`, a call raises `CompileCancelled` instead of beginning.
    """
    from dspy.utils.callback import BaseCallback

    class CallCounter(BaseCallback):  # type: ignore[misc]
        def __init__(self) -> None:
            self.calls = 0
            self.failures: Counter[str] = Counter()
            self._lock = threading.Lock()

        def on_lm_start(self, call_id: str, instance: Any, inputs: dict[str, Any]) -> None:
            del call_id, instance, inputs
            if deadline is not None and time.monotonic() > deadline:
                raise CompileCancelled
            with self._lock:
                self.calls += 1

        def on_adapter_parse_end(self, call_id: str, outputs: Any, exception: Exception | None = None) -> None:
            del call_id, outputs
            self._count(exception)

        def on_lm_end(self, call_id: str, outputs: Any, exception: Exception | None = None) -> None:
            del call_id, outputs
            self._count(exception)

        def _count(self, exception: Exception | None) -> None:
            if exception is not None:
                with self._lock:
                    self.failures[type(exception).__name__] += 1

    return CallCounter()
