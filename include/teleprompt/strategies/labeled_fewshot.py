"""DSPy's LabeledFewShot: demonstrations straight from the traces, without a call. The cheap control."""

from typing import Any

from pydantic import Field

from teleprompt.strategies.strategy import Options, Strategy, Teaching, one_seed


class LabeledFewShotOptions(Options):
    """Options of `labeled_fewshot`."""

    max_labeled_demos: int = Field(16, ge=1)
    """Demonstrations taken from the traces."""


def _compile(teaching: Teaching, options: LabeledFewShotOptions) -> Any:
    from dspy.teleprompt import LabeledFewShot

    optimizer = LabeledFewShot(k=options.max_labeled_demos)
    return optimizer.compile(teaching.student, trainset=teaching.drawn(), sample=not teaching.draws)


STRATEGY = Strategy(abbreviation="lfs", options=LabeledFewShotOptions, compile=_compile, seeds=one_seed)
