"""Says how a tweet feels."""

from typing import Literal

import dspy


class Feeling(dspy.Signature):
    """Say whether the tweet is positive or negative."""

    tweet: str = dspy.InputField()
    feeling: Literal["positive", "negative"] = dspy.OutputField()


def build() -> dspy.Module:
    """The program as written."""
    return dspy.Predict(Feeling)
