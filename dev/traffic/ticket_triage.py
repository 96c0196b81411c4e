"""Tickets name their matter in words of their own; agents resolve what lands in the right queue."""

import random

from dev.traffic.scenario import Inputs, Outputs, Scenario

_MATTERS = {
    "billing": "charged twice|wrong invoice amount|card declined|unexpected fee",
    "shipping": "parcel late|tracking frozen|box never arrived|customs hold",
    "returns": "send it back|exchange for larger|wrong colour received|faulty item",
    "account": "password forgotten|login locked|delete my profile|name misspelt",
    "technical": "app crashes|page stays blank|sync stuck|error on upload",
    "sales": "bulk discount|upgrade the plan|student offer|reseller terms",
}
_OPENERS = ("Hello", "Hi there", "Good morning", "Since yesterday", "Again", "Please help", "For my order")
_CLOSERS = (
    "please advise",
    "thanks a lot",
    "this is urgent",
    "I am waiting",
    "what can I do",
    "second request",
)


def _ask(rng: random.Random) -> Inputs:
    queue = rng.choice(sorted(_MATTERS))
    first = rng.choice(_MATTERS[queue].split("|"))
    other = rng.choice(_MATTERS[rng.choice(sorted(_MATTERS))].split("|")) if rng.random() < 0.5 else ""
    named = f", {queue}" if rng.random() < 0.45 else ""
    number = rng.randrange(10_000)
    text = f"{rng.choice(_OPENERS)} {first}{named} {other} {rng.choice(_CLOSERS)} case {number}"
    return {"ticket": " ".join(text.split())}


def _resolved(rng: random.Random, inputs: Inputs, outputs: Outputs) -> float:
    ticket = inputs["ticket"]
    first = min(
        ((ticket.find(matter), queue) for queue, all_ in _MATTERS.items() for matter in all_.split("|")
         if matter in ticket),
    )  # fmt: skip
    right = outputs["queue"] == first[1]
    return float(rng.random() < (0.93 if right else 0.05))


SCENARIO = Scenario(
    slug="ticket_triage", log_as="traces", calls_per_week=400, temperature=0.15, ask=_ask, outcome=_resolved
)
