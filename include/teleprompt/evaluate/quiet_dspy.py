"""Keeping users' texts out of logs: DSPy's warnings and errors quote inputs and answers."""

import contextlib
import logging
from collections.abc import Iterator


@contextlib.contextmanager
def quiet_dspy() -> Iterator[None]:
    """Hold back what DSPy logs inside the block, in all threads."""
    logger = logging.getLogger("dspy")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)
