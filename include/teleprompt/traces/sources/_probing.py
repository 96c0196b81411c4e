"""Counting through an API that only gives pages: by asking for single rows at an offset."""

from abc import abstractmethod

from teleprompt.traces.sources._untold import Untold
from teleprompt.window import Window


class CountsByProbing(Untold):
    """Counting for sources whose store gives pages by offset: some twenty requests for two rows each."""

    @abstractmethod
    def nth(self, program: str, window: Window, offset: int) -> int:
        """How many of the calls at `offset` and `offset + 1` exist, in order of start: 0, 1 or 2."""

    def beside(self, program: str, window: Window) -> int:
        """How many calls there are that `nth` does not find."""
        del program, window
        return 0

    def holds(self, program: str, window: Window, number: int) -> bool:
        """Whether at least `number` calls started in `window`: one request, or two."""
        return self._finds(program, window, number) or (
            self._finds(program, window, number - more) if (more := self.beside(program, window)) else False
        )

    def _finds(self, program: str, window: Window, number: int) -> bool:
        return number <= 0 or self.nth(program, window, number - 1) > 0

    def count(self, program: str, window: Window, *, enough: int | None = None) -> int:
        """Number of calls that started in `window`: found by doubling, then halving; no more than `enough`."""
        if enough is not None and self.holds(program, window, enough):
            return enough
        low, step = 0, 1
        while self._finds(program, window, low + step):
            low, step = low + step, step * 2
        high = low + step  # at least `low`, fewer than `high`
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self._finds(program, window, middle) else (low, middle)
        return low + self.beside(program, window)
