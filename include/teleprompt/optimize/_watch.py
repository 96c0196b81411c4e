"""What a running optimizer does: the best program that it has tried, kept when it is cut short, and what failed."""

import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

from teleprompt.program.state import dump_state


class CompileWatch:
    """Keeps the best program of those tried on the most examples, and counts runs that gave no answer."""

    def __init__(self, on_better: Callable[[bytes, float], None]) -> None:
        self._on_better = on_better
        self._lock = threading.Lock()
        self._programs: dict[str, Any] = {}
        self._rank = (0, -1.0)
        self.state: bytes | None = None
        """Its state JSON; None before an optimizer has tried one."""
        self._depth = threading.local()
        self.runs = 0
        """How often a program was run."""
        self.failures: Counter[str] = Counter()
        """Runs of a program that gave no answer, by kind of error; what an adapter mends on its second try is none."""

    def callback(self) -> Any:
        """To be given to `dspy.context(callbacks=…)`."""
        from dspy.utils.callback import BaseCallback

        watch = self

        class Watcher(BaseCallback):  # type: ignore[misc]
            def on_evaluate_start(self, call_id: str, instance: Any, inputs: dict[str, Any]) -> None:
                del instance
                watch.tried(call_id, inputs.get("program"))

            def on_evaluate_end(self, call_id: str, outputs: Any, exception: Exception | None = None) -> None:
                watch.scored(call_id, outputs if exception is None else None)

            def on_module_start(self, call_id: str, instance: Any, inputs: dict[str, Any]) -> None:
                del call_id, instance, inputs
                watch.entered()

            def on_module_end(self, call_id: str, outputs: Any, exception: Exception | None = None) -> None:
                del call_id, outputs
                watch.left(exception)

        return Watcher()

    def tried(self, call_id: str, program: Any) -> None:
        """A program is being evaluated."""
        with self._lock:
            self._programs[call_id] = program

    def scored(self, call_id: str, result: Any) -> None:
        """An evaluation ended; `result` has `score` (in percent) and `results`, or is None."""
        with self._lock:
            program = self._programs.pop(call_id, None)
            if program is None or result is None:
                return
            rank = (len(result.results), float(result.score))
            if rank <= self._rank:
                return
            self._rank = rank
            self.state = dump_state(program)
            state = self.state
        self._on_better(state, rank[1] / 100)

    def entered(self) -> None:
        """A module begins; modules call modules, each in its caller's thread."""
        self._depth.value = getattr(self._depth, "value", 0) + 1

    def left(self, exception: BaseException | None) -> None:
        """A module ends; the outermost is the program."""
        self._depth.value = max(0, getattr(self._depth, "value", 1) - 1)
        if self._depth.value:
            return
        with self._lock:
            self.runs += 1
            if isinstance(exception, Exception):
                self.failures[type(exception).__name__] += 1
