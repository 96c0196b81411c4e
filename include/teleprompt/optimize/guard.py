"""The limit that a compile cannot run past."""

import threading
import time
from typing import Any


class CompileCancelled(BaseException):
    """Ends a compile from inside. Not an `Exception`: DSPy's optimizers swallow those and go on."""


def guard_callback(*, deadline: float) -> Any:
    """A DSPy callback that counts language-model calls and refuses those after `deadline`.

    `deadline` is a time of `time.monotonic()`. `calls` on the result is the number of calls that began. The first
    refused call raises `CompileCancelled`; no later one begins either.
    """
    from dspy.utils.callback import BaseCallback

    class Guard(BaseCallback):  # type: ignore[misc]
        def __init__(self) -> None:
            self.calls = 0
            self._lock = threading.Lock()

        def on_lm_start(self, call_id: str, instance: Any, inputs: dict[str, Any]) -> None:
            del call_id, instance, inputs
            if time.monotonic() > deadline:
                raise CompileCancelled
            with self._lock:
                self.calls += 1

    return Guard()
