"""GEPA: a language model reads what went wrong and rewrites the instruction; a Pareto front decides what to build on.

Agrawal et al. 2025, "GEPA: Reflective Prompt Evolution Can Outperform Reinforcement Learning".
"""

from typing import Any, Literal, Self

from pydantic import Field, model_validator

from teleprompt.strategies.strategy import SeededOptions, Strategy, Teaching, several_seeds


class GepaOptions(SeededOptions):
    """Options of `gepa`: one of `auto`, `max_full_evals`, `max_metric_calls`."""

    auto: Literal["light", "medium", "heavy"] | None = None
    """DSPy's size of the search; `light` if none of the three is given."""
    max_full_evals: int | None = Field(None, ge=1)
    """Size of the search in passes over all examples."""
    max_metric_calls: int | None = Field(None, ge=1)
    """Size of the search in scored answers."""
    reflection_minibatch_size: int = Field(3, ge=1)
    """Answers that the prompt model reads at a time."""
    max_validation: int = Field(100, ge=1)
    """Training examples, at most half of them, that programs are compared on."""

    @model_validator(mode="after")
    def _one_size(self) -> Self:
        if sum(size is not None for size in (self.auto, self.max_full_evals, self.max_metric_calls)) > 1:
            raise ValueError("auto, max_full_evals and max_metric_calls exclude each other")
        return self


def _compile(teaching: Teaching, options: GepaOptions) -> Any:
    from dspy import GEPA

    learn, validation = teaching.halves(options.max_validation)
    sized = options.max_full_evals is not None or options.max_metric_calls is not None
    optimizer = GEPA(
        metric=teaching.feedback_metric,
        auto=None if sized else options.auto or "light",
        max_full_evals=options.max_full_evals,
        max_metric_calls=options.max_metric_calls,
        reflection_minibatch_size=options.reflection_minibatch_size,
        reflection_lm=teaching.prompt_model,
        num_threads=teaching.num_threads,
        seed=teaching.seed,
        gepa_kwargs={"stop_callbacks": [lambda _state: teaching.nearly_spent()]},
    )
    return optimizer.compile(teaching.student, trainset=learn, valset=validation)


STRATEGY = Strategy(
    abbreviation="gepa",
    options=GepaOptions,
    compile=_compile,
    seeds=several_seeds,
    least_examples=lambda _options: 4,
    package="gepa",
    uses_prompt_model=True,
    keeps_demonstrations=True,
)
