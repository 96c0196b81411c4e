"""A program that only knows `aforward`, for optimizers and scoring, which call `forward`."""

import functools
from typing import Any


def synchronous(program: Any) -> Any:
    """`program` itself where it has a `forward`; else a copy that runs its `aforward` to the end.

    Not by `dspy.syncify`: it binds `forward` to one object, and the copies that optimizers make would all call that.
    """
    kind: type = type(program)
    if hasattr(kind, "forward") or not hasattr(kind, "aforward"):
        return program
    copied = program.deepcopy()
    copied.__class__ = _with_forward(kind)
    return copied


@functools.cache
def _with_forward(kind: type) -> type:
    def forward(self: Any, *args: Any, **kwargs: Any) -> Any:
        import asyncio

        return asyncio.run(self.aforward(*args, **kwargs))

    return type(kind)(kind.__name__, (kind,), {"forward": forward, "__module__": kind.__module__})
