"""Scoring one state of a program."""

from collections.abc import Sequence
from typing import Any

from teleprompt.evaluate.objective import Objective
from teleprompt.evaluate.score import ScoreCache, Scores, score_program
from teleprompt.program.state import load_state
from teleprompt.storage.blobs import Blob, get_blob


def score_state(
    program: Any,
    state: Blob,
    examples: Sequence[Any],
    objective: Objective,
    *,
    lm: Any,
    num_threads: int,
    cache: ScoreCache,
) -> Scores:
    """The scores of `program` with that state; those in `cache` are not asked for again, and new ones are kept in it.

    Raises:
        LanguageModelUnavailableError: the language model failed, after its own retries.
        CallsStopped: the meter's limit is reached.
        TelepromptError: the metric failed, or left [0, 1].
    """
    try:
        return score_program(
            load_state(program, get_blob(state)), examples, objective, lm=lm, num_threads=num_threads, cache=cache
        )
    finally:
        cache.close()
