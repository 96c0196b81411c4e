"""DSPy's BootstrapFewShotWithRandomSearch, one seed at a time.

Its seeds are -3 (no demonstrations), -2 (labelled only), -1 (unshuffled) and 0…N-1 (shuffled). Restricted to
one seed it compiles exactly the program that the whole search would have compiled for it; where examples are drawn, the
draw of the seed stands in for its shuffling and chooses the labelled ones.
"""

import random
from collections.abc import Sequence
from typing import Any

from teleprompt.strategies.bootstrap_fewshot import BootstrapFewShotOptions
from teleprompt.strategies.strategy import Strategy, Teaching


class BootstrapFewShotRandomOptions(BootstrapFewShotOptions):
    """Options of `bootstrap_fewshot_random`; how many shuffled candidates says `optimization.num_candidates`."""


def _compile(teaching: Teaching, options: BootstrapFewShotRandomOptions) -> Any:
    from dspy.teleprompt import BootstrapFewShotWithRandomSearch

    optimizer = BootstrapFewShotWithRandomSearch(
        metric=teaching.metric,
        metric_threshold=teaching.good_from,
        max_bootstrapped_demos=options.max_bootstrapped_demos,
        max_labeled_demos=options.max_labeled_demos,
        max_rounds=teaching.rounds,
        num_candidate_programs=teaching.num_candidates,
        num_threads=1,
    )
    # It scores what it compiles; selection does that on examples of its own, so one is enough here.
    examples = teaching.drawn()
    compiled = optimizer.compile(
        teaching.student,
        teacher=teaching.teacher,
        trainset=_before_shuffling(examples, teaching.seed) if teaching.draws else examples,
        valset=examples[:1],
        restrict=[teaching.seed],
    )
    return teaching.showing_first(compiled, examples)


def _before_shuffling(examples: Sequence[Any], seed: int) -> list[Any]:
    """An order that DSPy's shuffling of the seed turns into that of `examples`."""
    if seed < 0:
        return list(examples)
    places = list(range(len(examples)))
    random.Random(seed).shuffle(places)  # noqa: S311 - DSPy's own
    before: list[Any] = [None] * len(examples)
    for example, place in zip(examples, places, strict=True):
        before[place] = example
    return before


STRATEGY = Strategy(
    abbreviation="bfsrs",
    options=BootstrapFewShotRandomOptions,
    compile=_compile,
    seeds=lambda _options, num_candidates: range(-3, num_candidates),
)
