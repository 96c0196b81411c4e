"""Demonstrations chosen at each call: those whose inputs are closest to its own (DSPy's KNNFewShot).

DSPy makes them anew at each call, by running the program on the neighbours. Here they are made once, and a version
holds them: it gives the same demonstrations for the same inputs, and a call costs what one call costs. Closeness is of
words, without a model of embeddings (`teleprompt.strategies.composition.nearest`).
"""

from typing import Any, Self

from pydantic import Field, model_validator

from teleprompt.strategies.strategy import Options, Strategy, Teaching, inputs_of, one_seed


class KnnFewShotOptions(Options):
    """Options of `knn_fewshot`."""

    k: int = Field(4, ge=1)
    """Demonstrations that a call shows."""
    max_bootstrapped_demos: int = Field(16, ge=0)
    """Demonstrations to choose from that are made by running the program itself."""
    max_labeled_demos: int = Field(200, ge=1)
    """Demonstrations to choose from in all, those that the program made included."""

    @model_validator(mode="after")
    def _a_choice(self) -> Self:
        if self.max_labeled_demos < max(self.k, self.max_bootstrapped_demos):
            raise ValueError("max_labeled_demos must be at least k and max_bootstrapped_demos")
        return self


def _compile(teaching: Teaching, options: KnnFewShotOptions) -> Any:
    from teleprompt.strategies.composition import show_nearest

    optimizer = teaching.bootstrapper(
        max_bootstrapped_demos=options.max_bootstrapped_demos,
        max_labeled_demos=options.k if options.max_bootstrapped_demos else 0,
    )
    examples = teaching.drawn()
    compiled = optimizer.compile(teaching.student, teacher=teaching.teacher, trainset=examples)
    for predictor in compiled.predictors():
        made = [demo for demo in predictor.demos if "augmented" in demo]
        asked = [inputs_of(demo, predictor) for demo in made]
        others = [
            example
            for example in examples
            if _is_whole(example, predictor) and inputs_of(example, predictor) not in asked
        ]
        predictor.demos = [*made, *others[: options.max_labeled_demos - len(made)]]
        show_nearest(predictor, options.k)
    return compiled


def _is_whole(example: Any, predictor: Any) -> bool:
    """Whether it shows the predictor something: the program's examples say nothing of a step in between."""
    signature = predictor.signature
    needed = {name for name, field in signature.input_fields.items() if field.is_required()}
    return needed <= set(example.keys()) and any(name in example for name in signature.output_fields)


STRATEGY = Strategy(
    abbreviation="knn",
    options=KnnFewShotOptions,
    compile=_compile,
    seeds=one_seed,
)
