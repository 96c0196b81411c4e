"""A challenger's answer to a call that the champion answered, as it is kept with the call."""

import json
from typing import Any

from teleprompt.records import Record

SHADOW = "teleprompt.shadow"
"""Name of the feedback on a trace that holds it."""


class ShadowAnswer(Record):
    """What a version would have answered; nobody was shown it."""

    version: str
    latency_ms: int
    failure: str | None = None
    """Kind of error; `TimeoutError` where it took too long."""
    outputs: dict[str, Any] | None = None
    """As JSON; None where it failed, or the answer was too long to keep."""
    tokens: int | None = None


def shadow_of(outcomes: list[dict[str, Any]]) -> ShadowAnswer | None:
    """The one among what was said of a call; None without one, or where it cannot be read."""
    for one in outcomes:
        if one["name"] == SHADOW and one["text"]:
            text = one["text"]
            try:
                return ShadowAnswer.from_stored(json.loads(text) if text.startswith('"') else text)
            except ValueError:
                return None
    return None
