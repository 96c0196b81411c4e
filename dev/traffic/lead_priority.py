"""Leads say what they want in plain words; a lead is handled well when its priority was right."""

import random

from dev.traffic.scenario import Inputs, Outputs, Scenario

_SIGNS = {
    "hot": "quote contract invoice order purchase deadline budget approved sign today",
    "warm": "demo trial compare pricing feature integration evaluate colleague interested call",
    "cold": "newsletter student curious browsing later unsubscribe reading research someday hobby",
}
_FILLERS = (
    "we looked at your site", "our team met last week", "I found you at the fair", "a friend named you",
    "our office is in Lyon", "we sell garden chairs", "there are nine of us", "it is for next season",
)  # fmt: skip


def _ask(rng: random.Random) -> Inputs:
    priority = rng.choice(sorted(_SIGNS))
    signs = rng.sample(_SIGNS[priority].split(), 2)
    stray = rng.choice(_SIGNS[rng.choice(sorted(_SIGNS))].split())
    fillers = rng.sample(_FILLERS, 2)
    wanted = f"{fillers[0]}, {signs[0]} and {signs[1]}; {fillers[1]}, maybe {stray}"
    return {"message": f"{wanted}, ref {rng.randrange(10_000)}"}


def _handled_well(rng: random.Random, inputs: Inputs, outputs: Outputs) -> float:
    words = set(inputs["message"].replace(",", " ").replace(";", " ").split())
    right = max(_SIGNS, key=lambda priority: len(words & set(_SIGNS[priority].split())))
    return float(rng.random() < (0.95 if outputs["priority"] == right else 0.05))


SCENARIO = Scenario(
    slug="lead_priority", log_as="runs", calls_per_week=400, temperature=0.05, ask=_ask, outcome=_handled_well
)
