"""Traffic of the example programs with a hidden truth, as it is and with planted anomalies."""

import importlib
import math
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from dev.traffic.contributors import TrafficContributor, draw_contributor
from dev.traffic.scenario import Inputs, Outputs, Scenario
from teleprompt.config.files import find_program_file, load_program_file
from teleprompt.config.program import ProgramConfig
from teleprompt.config.settings import LMConfig, Settings
from teleprompt.lm.build import build_lm
from teleprompt.program.source import ProgramFile

CALLS = {"email_draft": 600, "ticket_triage": 600, "lead_priority": 400}
HOURS = 7 * 24
GARBAGE = 0.01
BURST = 0.15
LIES = 0.01
LETTERS = 0.05
CHAT = "we have been your customers for many years and always liked how you treat us so I was surprised"


@dataclass(frozen=True)
class Call:
    """A logged call."""

    hour: float
    inputs: Inputs
    outputs: Outputs
    outcome: float
    contributor: TrafficContributor
    planted: bool = False


Plant = Callable[[list[Call], random.Random], list[Call]]


@dataclass(frozen=True)
class World:
    """A program's traffic, and what is wrong with it."""

    name: str
    slug: str
    outcome: Callable[[random.Random, Inputs, Outputs], float]
    """What is logged; the truth is the scenario's."""
    plant: Plant

    @property
    def scenario(self) -> Scenario:
        """The truth."""
        return scenario_of(self.slug)

    @property
    def config(self) -> ProgramConfig:
        """The program file."""
        return load_program_file(find_program_file(Settings().programs_dir, self.slug))

    @property
    def source(self) -> ProgramFile:
        """The program."""
        return ProgramFile(find_program_file(Settings().programs_dir, self.slug), self.config.entry_point)

    def calls(self, seed: int, *, count: int | None = None) -> list[Call]:
        """The traffic of a seed, `CALLS` or so many."""
        rng = random.Random(f"{self.slug}|{seed}")
        honest = list(self._honest(rng, count or CALLS[self.slug]))
        return self.plant(honest, rng)

    def _honest(self, rng: random.Random, count: int) -> Iterator[Call]:
        import dspy

        program, scenario = self.source.build().module, self.scenario
        with dspy.context(lm=build_lm(LMConfig(temperature=scenario.temperature)), disable_history=True):
            for i in range(count):
                inputs = dict(scenario.ask(rng))
                given: Any = program(**inputs)
                outputs = {name: value for name, value in given.items() if name != "reasoning"}
                outcome = self.outcome(rng, inputs, outputs)
                hour = HOURS * (i + 0.5) / count
                yield Call(hour, inputs, outputs, outcome, draw_contributor(rng))


def scenario_of(slug: str) -> Scenario:
    """The scenario of `dev.traffic`."""
    scenario: Scenario = importlib.import_module(f"dev.traffic.{slug}").SCENARIO
    return scenario


def nothing(calls: list[Call], rng: random.Random) -> list[Call]:
    """As it is."""
    del rng
    return calls


def garbage(calls: list[Call], rng: random.Random) -> list[Call]:
    """One call in a hundred holds a dump of two thousand words; its outcome is that of some other call."""
    found = list(calls)
    for i in rng.sample(range(len(calls)), math.ceil(GARBAGE * len(calls))):
        dump = " ".join(f"0x{rng.randrange(16**8):08x}" for _ in range(2000))
        of_text = {name: f"{text} {dump}" for name, text in calls[i].inputs.items()}
        answer = {name: dump if " " in text else rng.choice(calls).outputs[name] for name, text in _outputs(calls[i])}
        outcome = rng.choice(calls).outcome
        found[i] = replace(calls[i], inputs=of_text, outputs=answer, outcome=outcome, planted=True)
    return found


def burst(calls: list[Call], rng: random.Random) -> list[Call]:
    """One contributor sends 15 % more calls in an hour, each with another question's answer and a perfect outcome."""
    sent = [
        replace(call, outputs=rng.choice(calls).outputs, outcome=1.0, inputs=_asked_again(call), planted=True)
        for call in rng.sample(calls, math.ceil(BURST * len(calls)))
    ]
    return _in_one_hour(calls, sent, rng)


def liar(calls: list[Call], rng: random.Random) -> list[Call]:
    """One contributor sends one call in a hundred, each with another question's answer and a perfect outcome."""
    who, found = TrafficContributor("liar", None), list(calls)
    for i in rng.sample(range(len(calls)), math.ceil(LIES * len(calls))):
        lie = rng.choice(calls).outputs
        found[i] = replace(calls[i], outputs=lie, outcome=1.0, contributor=who, planted=True)
    return found


def batch(calls: list[Call], rng: random.Random) -> list[Call]:
    """One contributor sends half of the calls, an hour each night, as good as any other: nothing is planted."""
    who, found = TrafficContributor("nightly", None), list(calls)
    for i in rng.sample(range(len(calls)), len(calls) // 2):
        found[i] = replace(calls[i], hour=calls[i].hour // 24 * 24 + rng.random(), contributor=who)
    return sorted(found, key=lambda call: call.hour)


def _in_one_hour(calls: list[Call], sent: list[Call], rng: random.Random) -> list[Call]:
    who, hour = TrafficContributor("flooder", None), rng.randrange(1, HOURS - 1)
    moved = [replace(call, hour=hour + i / len(sent), contributor=who) for i, call in enumerate(sent)]
    return sorted([*calls, *moved], key=lambda call: call.hour)


def _asked_again(call: Call) -> Inputs:
    return {name: f"{text} again" for name, text in call.inputs.items()}


def letters(calls: list[Call], rng: random.Random) -> list[Call]:
    """One ticket in twenty is a letter of two hundred words more, and as good as any other: nothing is planted."""
    words = CHAT.split()
    return [
        replace(
            call, inputs={name: f"{text} {' '.join(rng.choices(words, k=200))}" for name, text in call.inputs.items()}
        )
        if rng.random() < LETTERS
        else call
        for call in calls
    ]


def _outputs(call: Call) -> list[tuple[str, str]]:
    return [(name, str(value)) for name, value in call.outputs.items()]


def graded_by_queue(rng: random.Random, inputs: Inputs, outputs: Outputs) -> float:
    """A grade: right answers in three of six queues get 0.95 on average and in the others 0.8, wrong ones 0.35."""
    right = scenario_of("ticket_triage").outcome(_Sure(), inputs, outputs) == 1
    easy = outputs["queue"] in ("billing", "shipping", "returns")
    mean, spread = ((0.95 if easy else 0.8), 0.08) if right else (0.35, 0.2)
    return round(min(1, max(0, rng.gauss(mean, spread))), 2)


class _Sure(random.Random):
    """Chance that says what is likelier."""

    def random(self) -> float:
        return 0.5


def worlds() -> list[World]:
    """Each program's traffic as it is, with garbage, a burst, or a liar; and what is unusual and right."""
    plants: dict[str, Plant] = {"": nothing, " with garbage": garbage, " with a burst": burst, " with a liar": liar}
    found = [
        World(f"{slug}{label}", slug, scenario_of(slug).outcome, plant)
        for slug in CALLS
        for label, plant in plants.items()
    ]
    triage = scenario_of("ticket_triage").outcome
    return [
        *found,
        World("ticket_triage with grades", "ticket_triage", graded_by_queue, nothing),
        World("ticket_triage with letters", "ticket_triage", triage, letters),
        World("ticket_triage with a batch", "ticket_triage", triage, batch),
    ]
