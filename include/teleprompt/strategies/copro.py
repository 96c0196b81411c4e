"""DSPy's COPRO: a language model writes instructions, each is scored, and the next ones learn from the scores."""

from typing import Any

from pydantic import Field

from teleprompt.strategies.strategy import Options, Strategy, Teaching, one_seed


class CoproOptions(Options):
    """Options of `copro`; its depth is `optimization.optimization_rounds`."""

    breadth: int = Field(10, ge=2)
    """Instructions written in each round."""
    max_examples: int = Field(50, ge=1)
    """Training examples that each instruction is scored on."""
    init_temperature: float = Field(1.4, ge=0)
    """Temperature of the prompt model."""


def _compile(teaching: Teaching, options: CoproOptions) -> Any:
    from dspy.teleprompt import COPRO

    optimizer = COPRO(
        prompt_model=teaching.prompt_model,
        metric=teaching.metric,
        breadth=options.breadth,
        depth=teaching.rounds,
        init_temperature=options.init_temperature,
    )
    threads = {"num_threads": teaching.num_threads, "display_progress": False}
    return optimizer.compile(teaching.student, trainset=teaching.at_most(options.max_examples), eval_kwargs=threads)


STRATEGY = Strategy(
    abbreviation="copro",
    options=CoproOptions,
    compile=_compile,
    seeds=one_seed,
    uses_prompt_model=True,
    keeps_demonstrations=True,
)
