"""What the calls of one answer came to, whichever threads the program makes them from."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Self

from teleprompt.lm.metered import MeteredEngine, ThreadedEngine, price_e6


class Tally:
    """Adds up tokens and prices."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tokens = 0
        self._cost_e6: int | None = 0
        self._calls = 0
        self.cut_off = False
        """Whether the answer to the last call was."""

    def add(self, tokens: int, cost_e6: int | None, *, cut_off: bool = False) -> None:
        """Count one call; `cut_off` says that its answer was ended before its end."""
        with self._lock:
            self.cut_off = cut_off
            self._calls += 1
            self._tokens += tokens
            self._cost_e6 = None if self._cost_e6 is None or cost_e6 is None else self._cost_e6 + cost_e6

    @property
    def tokens(self) -> int | None:
        """In and out; None where no call passed by: the program may have asked a model of its own."""
        return self._tokens if self._calls else None

    @property
    def cost_e6(self) -> int | None:
        """Millionths of a dollar; None where no call passed by, or the price of one is not known."""
        return self._cost_e6 if self._calls else None


counted_into: ContextVar[Tally | None] = ContextVar("counted_into", default=None)
"""The tally of the answer that is being made here; a thread that a program starts by itself does not know it."""


class TallyingEngine:
    """A metered engine that also counts into a tally; all else is that engine's own."""

    def __init__(self, engine: MeteredEngine, tally: Tally) -> None:
        self._engine = engine
        self._tally = tally

    def complete(self, request: Any) -> Any:
        """As the engine."""
        response = self._engine.complete(request)
        usage = response.usage
        self._tally.add(
            (usage.input_tokens or 0) + (usage.output_tokens or 0),
            price_e6(self._engine.model, request, response),
            cut_off=response.finish_reason == "length",
        )
        return response

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    def __deepcopy__(self, _memo: dict[int, Any]) -> Self:
        return self


@contextmanager
def counting_into(tally: Tally) -> Iterator[None]:
    """In here, a program's own models count into `tally`, too."""
    token = counted_into.set(tally)
    try:
        yield
    finally:
        counted_into.reset(token)


def tallied(lm: Any, tally: Tally) -> Any:
    """`lm`, a `dspy.LM` behind a meter, with its calls counted into `tally` as well; a program may need none."""
    if lm is None:
        return None
    engine = TallyingEngine(lm.engine, tally)
    return lm.copy(engine=engine, async_engine=ThreadedEngine(engine))
