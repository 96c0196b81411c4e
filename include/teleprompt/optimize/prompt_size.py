"""How long a candidate's prompt is, and how much of its instructions was copied from the texts it was taught with."""

from collections.abc import Sequence

from teleprompt.config.optimization import OptimizationConfig
from teleprompt.optimize.candidate import PromptMeasure
from teleprompt.program.prompt import Prompt, copied_characters
from teleprompt.traces.row import TraceRow


def measure_prompt(state: bytes, rows: Sequence[TraceRow], *, begun_as: bytes) -> PromptMeasure:
    """Measure the prompt of a state; what the instructions of the state it was `begun_as` held was not copied."""
    prompt, before = Prompt.of_state(state), Prompt.of_state(begun_as)
    texts = [text for row in rows for text in (*row.inputs.values(), *row.outputs.values()) if text]
    copied = copied_characters(prompt.instructions, texts, instead_of=before.instructions)
    return PromptMeasure(characters=prompt.characters, demos=prompt.demos, copied=copied)


def prompt_too_large(measure: PromptMeasure, config: OptimizationConfig) -> str | None:
    """Which limit the prompt breaks, if one."""
    limits = (
        (measure.characters, config.max_prompt_characters, "its prompt has {} characters", "max_prompt_characters"),
        (measure.copied, config.max_copied_characters, "its instructions copy {} characters", "max_copied_characters"),
    )
    for found, most, what, option in limits:
        if most is not None and found > most:
            return f"{what.format(found)}, more than the {most} that `optimization.{option}` allows"
    return None
