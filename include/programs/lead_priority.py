"""Says how urgently a sales lead wants an answer."""

from typing import Literal

import dspy


class RateLead(dspy.Signature):
    """Rate how ready the writer is to buy. Signs to go by:

    hot: quote contract invoice order purchase deadline budget approved sign today
    warm: demo trial compare pricing feature integration evaluate colleague interested call
    cold: newsletter student curious browsing later unsubscribe reading research someday hobby
    """

    message: str = dspy.InputField(desc="what the lead wrote")
    priority: Literal["hot", "warm", "cold"] = dspy.OutputField()


def build() -> dspy.Module:
    """The program as written: version 1.0.0."""
    return dspy.ChainOfThought(RateLead)
