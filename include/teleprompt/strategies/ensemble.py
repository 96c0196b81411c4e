"""DSPy's Ensemble: several programs answer, and the answer that most of them share counts.

They are the one program taught by BootstrapFewShot with the examples in several orders, so that each has other
demonstrations. A call asks all of them: it costs that many times the tokens.
"""

import random
from typing import Any, Self

from pydantic import Field, model_validator

from teleprompt.strategies.strategy import SeededOptions, Strategy, Teaching, several_seeds


class EnsembleOptions(SeededOptions):
    """Options of `ensemble`."""

    size: int = Field(3, ge=2, le=9)
    """Programs that vote; so many times a call asks the model as one of them would."""
    max_bootstrapped_demos: int = Field(4, ge=0)
    """Demonstrations that each makes by running itself."""
    max_labeled_demos: int = Field(16, ge=0)
    """Demonstrations that each takes from the traces, those that it made included."""

    @model_validator(mode="after")
    def _members_differ(self) -> Self:
        if not self.max_bootstrapped_demos and not self.max_labeled_demos:
            raise ValueError("without demonstrations all members are the same")
        return self


def _compile(teaching: Teaching, options: EnsembleOptions) -> Any:
    from teleprompt.strategies.composition import ensemble

    order = random.Random(teaching.seed)  # noqa: S311 - an order of examples is no secret
    members = []
    for turn in range(options.size):
        examples = teaching.drawn(turn)
        if not teaching.draws:
            order.shuffle(examples)
        optimizer = teaching.bootstrapper(
            max_bootstrapped_demos=options.max_bootstrapped_demos, max_labeled_demos=options.max_labeled_demos
        )
        member = optimizer.compile(teaching.student, teacher=teaching.teacher, trainset=examples)
        members.append(teaching.showing_first(member, examples))
    fields = {name: None for example in teaching.examples for name in example.labels()}
    return ensemble(members[0], members[1:], fields=list(fields))


STRATEGY = Strategy(abbreviation="ens", options=EnsembleOptions, compile=_compile, seeds=several_seeds)
