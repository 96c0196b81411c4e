"""Filling one output field from what the prompt says."""

import math
import random
import re
from collections.abc import Mapping, Sequence

from teleprompt.lm.offline._prompt import Demo, OutputField, Prompt
from teleprompt.lm.offline._similarity import overlap, similarities

NEIGHBOURS = 3
CUE_WEIGHT = 1.0
DEMO_WEIGHT = 1.0

# What the engine writes when no demonstration shows it how: one piece of each row, the first when it is cold.
_OPENINGS = ("Dear {who},", "Hello {who},", "Hi {who},")
_MIDDLES = (
    "I am writing to you with regard to {what}, as per our records.",
    "I wanted to reach out about {what} because it matters to your team.",
    "a quick note about {what}: it takes ten minutes and saves you hours.",
)
_CLOSINGS = (
    "Please do not hesitate to contact us at your earliest convenience. Yours faithfully",
    "Let me know what you think. Best regards",
    "Could we talk on Thursday? Thanks",
)


def choose_option(field: OutputField, prompt: Prompt, *, temperature: float, rng: random.Random) -> str:
    """One of the field's options, by cue words of the instruction and by the nearest demonstrations."""
    text = " ".join(prompt.inputs.values())
    scores = {option: _cue_score(option, prompt.cues, text) for option in field.options}
    for demo, closeness in _nearest(prompt, having=field.name):
        label = demo.outputs[field.name]
        if label in scores:
            scores[label] += DEMO_WEIGHT * closeness
    return _pick(scores, temperature=temperature, rng=rng)


def write_text(field: OutputField, prompt: Prompt, *, temperature: float, rng: random.Random) -> str:
    """A text: the nearest demonstration's, told about the present inputs, or one of the engine's own."""
    nearest = _nearest(prompt, having=field.name)
    if not nearest:
        return _own_words(prompt.inputs, temperature=temperature, rng=rng)
    closest = {str(rank): closeness for rank, (_, closeness) in enumerate(nearest)}
    demo = nearest[int(_pick(closest, temperature=temperature, rng=rng))][0]
    text = demo.outputs[field.name]
    for name, there in demo.inputs.items():
        here = prompt.inputs.get(name)
        if here and there:
            text = re.sub(rf"\b{re.escape(there)}\b", here.replace("\\", r"\\"), text)
    return text


def _nearest(prompt: Prompt, *, having: str) -> list[tuple[Demo, float]]:
    """The demonstrations that fill the field, nearest first, at most `NEIGHBOURS` of them."""
    demos = [demo for demo in prompt.demos if demo.outputs.get(having)]
    if not demos:
        return []
    closeness = similarities(" ".join(prompt.inputs.values()), [" ".join(demo.inputs.values()) for demo in demos])
    ranked = sorted(zip(demos, closeness, strict=True), key=lambda pair: -pair[1])
    return ranked[:NEIGHBOURS]


def _cue_score(option: str, cues: Mapping[str, str], text: str) -> float:
    cue = f"{option.replace('_', ' ')} {cues.get(option.casefold(), '')}"
    return CUE_WEIGHT * overlap(text, cue)


def _pick(scores: Mapping[str, float], *, temperature: float, rng: random.Random) -> str:
    """The highest score; with a temperature, a draw from the softmax (Gumbel noise added to the scores)."""

    def noisy(option: str) -> float:
        noise = -math.log(-math.log(rng.random() or 1e-12))
        return scores[option] + temperature * noise + 1e-9 * rng.random()

    return max(scores, key=noisy)


def _own_words(inputs: Mapping[str, str], *, temperature: float, rng: random.Random) -> str:
    values = [value for value in inputs.values() if value] or ["you"]
    who, what = values[0], values[-1]
    pieces: list[Sequence[str]] = [_OPENINGS, _MIDDLES, _CLOSINGS]
    chosen = []
    for row in pieces:
        prior = {str(i): -0.35 * i for i in range(len(row))}
        chosen.append(row[int(_pick(prior, temperature=temperature, rng=rng))])
    return " ".join(chosen).format(who=who, what=what)
