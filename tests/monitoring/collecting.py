"""The local stack's collector, running beside a test."""

from collections.abc import Iterator
from contextlib import contextmanager

from dev.collector import Collected, collector
from tests.loopback import serving


@contextmanager
def collecting() -> Iterator[Collected]:
    collected = Collected()
    with serving(collector(collected)) as collected.url:
        yield collected
