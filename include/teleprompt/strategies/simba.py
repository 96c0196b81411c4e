"""DSPy's SIMBA: where a program's own answers differ most, it adds a good one as a demonstration, or a rule."""

from typing import Any

from pydantic import Field

from teleprompt.strategies.strategy import SeededOptions, Strategy, Teaching, several_seeds


class SimbaOptions(SeededOptions):
    """Options of `simba`."""

    bsize: int = Field(32, ge=2)
    """Examples in a mini-batch; the train part must hold as many."""
    num_candidates: int = Field(6, ge=1)
    """New programs in each step."""
    max_steps: int = Field(8, ge=1)
    """Steps; each costs about 2 x `bsize` x `num_candidates` calls."""
    max_demos: int = Field(4, ge=0)
    """Most demonstrations a predictor holds; 0: rules only."""


def _compile(teaching: Teaching, options: SimbaOptions) -> Any:
    import dspy
    from dspy import SIMBA

    with dspy.context(lm=teaching.task_model):  # it reads the settings' model when it is made
        optimizer = SIMBA(
            metric=teaching.metric,
            bsize=options.bsize,
            num_candidates=options.num_candidates,
            max_steps=options.max_steps,
            max_demos=options.max_demos,
            prompt_model=teaching.prompt_model,
            num_threads=teaching.num_threads,
        )
        return optimizer.compile(teaching.student, trainset=list(teaching.examples), seed=teaching.seed)


STRATEGY = Strategy(
    abbreviation="simba",
    options=SimbaOptions,
    compile=_compile,
    seeds=several_seeds,
    least_examples=lambda options: options.bsize,
    uses_prompt_model=True,
    keeps_demonstrations=True,
)
