"""Sends a support ticket to the queue that can resolve it."""

from typing import Literal

import dspy


class SupportQueue(dspy.Signature):
    """Choose the queue that will resolve the customer's ticket."""

    ticket: str = dspy.InputField(desc="what the customer wrote")
    queue: Literal["billing", "shipping", "returns", "account", "technical", "sales"] = dspy.OutputField()


def build() -> dspy.Module:
    """The program as written."""
    return dspy.Predict(SupportQueue)
