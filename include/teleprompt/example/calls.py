"""A week of synthetic calls of the example program, in the form that `teleprompt traces submit` takes."""

import json
import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

PROGRAM = "support_queue"
CALLS = 600
SPAN = timedelta(days=7)

_MATTERS = {
    "billing": ("charged twice", "the invoice is wrong", "my card was declined", "a fee that I do not know"),
    "shipping": ("the parcel is late", "tracking stands still", "the box never came", "it is held at customs"),
    "returns": ("I want to send it back", "I need a larger size", "it has the wrong colour", "the item is faulty"),
    "account": ("I forgot my password", "my login is locked", "please delete my profile", "my name is misspelt"),
    "technical": ("the app crashes", "the page stays blank", "syncing is stuck", "uploads end in an error"),
    "sales": ("a discount for fifty", "I want the larger plan", "an offer for students", "terms for resellers"),
}
_OPENINGS = ("Hello", "Hi there", "Good morning", "Since yesterday", "Once more", "Please help")
_CLOSINGS = ("please advise", "thanks a lot", "it is urgent", "I am waiting", "what can I do")
_CONTRIBUTORS = {
    "north": "0x52908400098527886E0F7030069857D2E4169EE7",
    "south": "0x8617E340B3D01FA5F11F306F4090FD50E238070D",
    "west": "0xde709f2102306220921060314715629080e2fb77",
}


def next_commands(file: str, until: datetime) -> tuple[str, str]:
    """What hands the calls of `file` in, and what runs the program on them."""
    start = until - SPAN
    return (
        f"teleprompt traces submit {PROGRAM} {file}",
        f"teleprompt run {PROGRAM} --start {start:%Y-%m-%d} --end {until:%Y-%m-%d}",
    )


def sample_calls(until: datetime) -> Iterator[str]:
    """`CALLS` calls of the `SPAN` before `until`, a line of JSON each; the same every time but for their times.

    A running version answers them that knows the right queue in three of four cases, and the outcome follows that.
    """
    rng = random.Random(16)  # noqa: S311 - examples, not secrets
    queues = sorted(_MATTERS)
    for number in range(CALLS):
        queue = rng.choice(queues)
        text = f"{rng.choice(_OPENINGS)}, {rng.choice(_MATTERS[queue])}, {rng.choice(_CLOSINGS)} ({number})"
        given = queue if rng.random() < 0.75 else rng.choice(queues)
        started = until - SPAN + SPAN * (number + 0.5) / CALLS
        contributor = rng.choice(sorted(_CONTRIBUTORS))
        call: dict[str, Any] = {
            "trace_id": f"example-{until:%Y%m%d}-{number}",
            "started_at": started.isoformat(),
            "ended_at": (started + timedelta(seconds=1)).isoformat(),
            "inputs": {"ticket": text},
            "outputs": {"queue": given},
            "outcomes": {"resolved": float(rng.random() < (0.95 if given == queue else 0.04))},
            "contributor_id": contributor,
            "contributor_address": _CONTRIBUTORS[contributor],
        }
        yield json.dumps(call)
