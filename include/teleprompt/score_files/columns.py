"""Which columns of a file of scores are meant."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Columns:
    """Names of the columns, as far as somebody said them."""

    id: str | None = None
    """None: `id`, or the tool's own ids in its log."""
    score: str | None = None
    """None: `score`, or the only one in a tool's log."""
    group: str | None = None
    """None: `group`, where there is one."""
    metrics: tuple[str, ...] = ()
    """Further columns of numbers."""
