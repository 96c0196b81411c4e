"""A logged call as a source gives it, before anybody has judged it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from include.teleprompt.window import Window


@dataclass(frozen=True, slots=True)
class RawTrace:
    """One logged call with whatever was logged; values are as MLflow returned them."""

    trace_id: str
    source: str
    """`runs` or `traces`."""
    started_at_ms: int
    failed: bool
    inputs: Mapping[str, Any]
    outputs: Mapping[str, Any]
    outcomes: Mapping[str, float | None]
    outcome_at_ms: int | None
    """When the latest outcome arrived."""
    contributor_id: str | None
    contributor_address: str | None
    program_version: str | None
    group: str | None


class TraceSource(Protocol):
    """Reads one program's calls of a window, oldest first."""

    def read(self, program: str, window: Window) -> Iterator[RawTrace]:
        """The calls that started in `window`."""
        ...

    def count(self, program: str, window: Window, *, enough: int) -> int:
        """How many calls started in `window`; counting may stop at `enough`."""
        ...
