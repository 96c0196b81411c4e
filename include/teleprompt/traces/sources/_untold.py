"""Stores that cannot tell what changed, or when an outcome came, without reading the calls."""

from collections.abc import Sequence

from teleprompt.window import Window


class Untold:
    """Two of a source's answers, for such a store."""

    def outcomes(self, program: str, window: Window, metric: str) -> int | None:
        """How many outcomes arrived in `window`; None: it cannot be told."""
        del program, window, metric
        return None

    def marks(self, program: str, windows: Sequence[Window]) -> list[str] | None:
        """For each window a text that changes when anything in it does; None: it cannot be told."""
        del program, windows
        return None
