"""DSPy's BootstrapFewShotWithRandomSearch, one seed at a time.

Its seeds are -3 (no demonstrations), -2 (labelled only), -1 (unshuffled) and 0…N-1 (shuffled). Restricted to
one seed it compiles exactly the program that the whole search would have compiled for it; where examples are drawn, the
draw chooses the labelled ones.
"""

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
        trainset=examples,
        valset=examples[:1],
        restrict=[teaching.seed],
    )
    return teaching.showing_first(compiled, examples)


STRATEGY = Strategy(
    abbreviation="bfsrs",
    options=BootstrapFewShotRandomOptions,
    compile=_compile,
    seeds=lambda _options, num_candidates: range(-3, num_candidates),
)
