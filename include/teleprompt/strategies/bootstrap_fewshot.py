"""DSPy's BootstrapFewShot: demonstrations that the program itself made, filled up with labelled ones."""

from typing import Any

from pydantic import Field

from teleprompt.strategies.strategy import Options, Strategy, Teaching, one_seed


class BootstrapFewShotOptions(Options):
    """Options of `bootstrap_fewshot`."""

    max_bootstrapped_demos: int = Field(4, ge=0)
    """Demonstrations made by running the program itself."""
    max_labeled_demos: int = Field(16, ge=0)
    """Demonstrations taken from the traces, those that the program made included."""


def _compile(teaching: Teaching, options: BootstrapFewShotOptions) -> Any:
    optimizer = teaching.bootstrapper(
        max_bootstrapped_demos=options.max_bootstrapped_demos, max_labeled_demos=options.max_labeled_demos
    )
    examples = teaching.drawn()
    compiled = optimizer.compile(teaching.student, teacher=teaching.teacher, trainset=examples)
    return teaching.showing_first(compiled, examples)


STRATEGY = Strategy(abbreviation="bfs", options=BootstrapFewShotOptions, compile=_compile, seeds=one_seed)
