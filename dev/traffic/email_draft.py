"""People answer e-mails that greet them warmly, come to the point and ask something."""

import random

from dev.traffic.scenario import Inputs, Outputs, Scenario

_NAMES = (
    "Alex", "Amina", "Boris", "Chen", "Dana", "Elif", "Farid", "Greta", "Hugo",
    "Ines", "Jonas", "Keiko", "Lena", "Marek", "Nadia", "Omar", "Petra", "Quentin",
    "Rosa", "Samir", "Tara", "Uwe", "Vera", "Wei", "Yara", "Zoe",
)  # fmt: skip
_ADJECTIVES = [
    "new",
    "open",
    "joint",
    "next",
    "first",
    "early",
    "shared",
    "local",
    "yearly",
    "quick",
    "second",
    "mutual",
    "digital",
    "public",
]
_TOPICS = (
    "onboarding plan", "billing review", "security audit", "team training", "data migration", "pilot project",
    "support contract", "price list", "product roadmap", "warehouse visit", "partner event", "hiring round",
    "travel budget", "office move", "renewal offer", "usage report",
)  # fmt: skip
_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
SENDINGS = 20


def _ask(rng: random.Random) -> Inputs:
    return {
        "recipient": rng.choice(_NAMES),
        "subject": f"the {rng.choice(_ADJECTIVES)} {rng.choice(_TOPICS)} in {rng.choice(_MONTHS)}",
    }


def _reply_rate(rng: random.Random, _inputs: Inputs, outputs: Outputs) -> float:
    text = outputs["email_body"]
    chance = 0.35
    chance += 0.12 * text.startswith("Hi ")
    chance += 0.2 * ("ten minutes" in text)
    chance += 0.28 * ("?" in text)
    return sum(rng.random() < chance for _ in range(SENDINGS)) / SENDINGS


SCENARIO = Scenario(
    slug="email_draft", log_as="runs", calls_per_week=1080, temperature=1.0, ask=_ask, outcome=_reply_rate
)
