"""DSPy's BetterTogether without weights: instructions and demonstrations in turns, and the best of all that came of it.

Soylu, Potts, Khattab 2024, "Fine-Tuning and Prompt Optimization: Two Great Steps that Work Better Together". Of its two
steps the one that trains weights is left out: a version holds a state and code, no weights.
"""

from typing import Any, Literal

from pydantic import Field

from teleprompt.strategies.strategy import SeededOptions, Strategy, Teaching, several_seeds

Step = Literal["instructions", "demonstrations"]


class BetterTogetherOptions(SeededOptions):
    """Options of `better_together`."""

    steps: tuple[Step, ...] = Field(("instructions", "demonstrations"), min_length=1, max_length=6)
    """What is searched for, one after the other: `instructions` by GEPA, `demonstrations` by BootstrapFewShot."""
    max_metric_calls: int = Field(150, ge=1)
    """Size of each search for instructions, in scored answers."""
    max_bootstrapped_demos: int = Field(4, ge=0)
    """Demonstrations made by running the program itself."""
    max_labeled_demos: int = Field(16, ge=0)
    """Demonstrations taken from the traces, those that the program made included."""
    max_validation: int = Field(50, ge=1)
    """Training examples, at most half of them, that the program is scored on after each step."""


def _compile(teaching: Teaching, options: BetterTogetherOptions) -> Any:
    from dspy import GEPA
    from dspy.teleprompt import BetterTogether

    learn, validation = teaching.halves(options.max_validation)
    optimizer = BetterTogether(
        metric=teaching.metric,
        instructions=GEPA(
            metric=teaching.feedback_metric,
            max_metric_calls=options.max_metric_calls,
            reflection_lm=teaching.prompt_model,
            num_threads=teaching.num_threads,
            seed=teaching.seed,
            gepa_kwargs={"stop_callbacks": [lambda _state: teaching.nearly_spent()]},
        ),
        demonstrations=teaching.bootstrapper(
            max_bootstrapped_demos=options.max_bootstrapped_demos, max_labeled_demos=options.max_labeled_demos
        ),
    )
    student = teaching.student.deepcopy()
    student.set_lm(teaching.task_model)  # it asks no student without a model of its own
    return optimizer.compile(
        student,
        trainset=learn,
        valset=validation,
        num_threads=teaching.num_threads,
        seed=teaching.seed,
        strategy=" -> ".join(options.steps),
    )


STRATEGY = Strategy(
    abbreviation="bt",
    options=BetterTogetherOptions,
    compile=_compile,
    seeds=several_seeds,
    least_examples=lambda _options: 4,
    package="gepa",
    uses_prompt_model=True,
)
