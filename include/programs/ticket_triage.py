"""Sends a support ticket to the queue that can resolve it."""

from typing import Literal

import dspy


class TriageTicket(dspy.Signature):
    """Choose the queue that will resolve the customer's ticket at the first attempt."""

    ticket: str = dspy.InputField(desc="what the customer wrote")
    queue: Literal["billing", "shipping", "returns", "account", "technical", "sales"] = dspy.OutputField()


def build() -> dspy.Module:
    """The program as written: version 1.0.0."""
    return dspy.Predict(TriageTicket)
