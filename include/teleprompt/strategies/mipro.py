"""DSPy's MIPROv2: instructions and demonstrations together, searched by a Bayesian optimizer (Optuna's TPE)."""

from typing import Any, Literal, Self

from pydantic import Field, model_validator

from teleprompt.strategies.strategy import SeededOptions, Strategy, Teaching, several_seeds

FIRST_SEED = 9
"""DSPy's own default. It also stands in where 0 is asked for."""


class MiproOptions(SeededOptions):
    """Options of `mipro`: `auto`, or both `num_candidates` and `num_trials`."""

    auto: Literal["light", "medium", "heavy"] | None = None
    """DSPy's size of the search; `light` if neither this nor numbers are given."""
    num_candidates: int | None = Field(None, ge=1)
    """Instructions, and sets of demonstrations, to choose from."""
    num_trials: int | None = Field(None, ge=1)
    """Combinations that are tried."""
    max_bootstrapped_demos: int = Field(4, ge=0)
    """Demonstrations made by running the program itself."""
    max_labeled_demos: int = Field(4, ge=0)
    """Demonstrations taken from the traces."""
    max_validation: int = Field(100, ge=2)
    """Training examples, at most half of them, that combinations are compared on."""
    minibatch_size: int = Field(35, ge=1)
    """Of these, how many a trial looks at where there are more."""

    @model_validator(mode="after")
    def _one_size(self) -> Self:
        if (self.num_candidates is None) != (self.num_trials is None):
            raise ValueError("num_candidates and num_trials go together")
        if self.auto is not None and self.num_candidates is not None:
            raise ValueError("auto sets the numbers itself: give either auto, or num_candidates and num_trials")
        return self


def _compile(teaching: Teaching, options: MiproOptions) -> Any:
    import dspy
    from dspy.teleprompt import MIPROv2

    learn, validation = teaching.halves(options.max_validation)
    auto = None if options.num_candidates is not None else options.auto or "light"
    with dspy.context(lm=teaching.task_model):  # it reads the settings' model when it is made
        optimizer = MIPROv2(
            metric=teaching.metric,
            prompt_model=teaching.prompt_model,
            task_model=teaching.task_model,
            max_bootstrapped_demos=options.max_bootstrapped_demos,
            max_labeled_demos=options.max_labeled_demos,
            auto=auto,
            num_candidates=options.num_candidates,
            num_threads=teaching.num_threads,
            seed=FIRST_SEED + teaching.seed,
            metric_threshold=teaching.good_from,
        )
        return optimizer.compile(
            teaching.student,
            trainset=learn,
            valset=validation,
            num_trials=options.num_trials,
            minibatch=len(validation) > options.minibatch_size,
            minibatch_size=min(options.minibatch_size, len(validation)),
        )


STRATEGY = Strategy(
    abbreviation="mipro",
    options=MiproOptions,
    compile=_compile,
    seeds=several_seeds,
    least_examples=lambda _options: 10,
    package="optuna",
    uses_prompt_model=True,
)
