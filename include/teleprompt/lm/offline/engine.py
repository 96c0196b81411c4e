"""The engine that `dspy.LM(model, engine=…)` calls."""

import hashlib
import json
import random
from typing import Any, Self

from teleprompt.lm.offline._answer import choose_option, write_text
from teleprompt.lm.offline._prompt import Prompt, read_prompt

CHARACTERS_PER_TOKEN = 4


class NearestDemoEngine:
    """Answers a DSPy prompt from its own demonstrations; a pure function of the request.

    Above temperature 0 it adds noise that is seeded by the request, so that traffic varies from input to
    input and a repeated request repeats its answer.
    """

    def complete(self, request: Any) -> Any:
        """The `dspy.lm15.Response` to a `dspy.lm15.Request`."""
        from dspy.lm15 import Message, Response, Usage

        system = request.system if isinstance(request.system, str) else _joined(request.system or ())
        turns = [(message.role, message.text or "") for message in request.messages]
        temperature = request.config.temperature or 0.0
        text = _answer(read_prompt(system, turns), temperature=temperature, rng=_seeded(system, turns, temperature))
        prompt_tokens = (len(system) + sum(len(said) for _, said in turns)) // CHARACTERS_PER_TOKEN
        answer_tokens = max(1, len(text) // CHARACTERS_PER_TOKEN)
        return Response(
            id=None,
            model=request.model,
            message=Message.assistant(text),
            finish_reason="stop",
            usage=Usage(
                input_tokens=prompt_tokens,
                output_tokens=answer_tokens,
                total_tokens=prompt_tokens + answer_tokens,
            ),
        )

    def dump_state(self) -> dict[str, Any]:
        """Nothing: the engine has no state."""
        return {}

    @classmethod
    def load_state(cls, _state: dict[str, Any]) -> Self:
        """A new engine."""
        return cls()


class AsyncNearestDemoEngine:
    """The same for programs that call their model asynchronously."""

    def __init__(self) -> None:
        self._engine = NearestDemoEngine()

    async def complete(self, request: Any) -> Any:
        """As the engine; it waits for nobody."""
        return self._engine.complete(request)

    def dump_state(self) -> dict[str, Any]:
        """Nothing: the engine has no state."""
        return {}

    @classmethod
    def load_state(cls, _state: dict[str, Any]) -> Self:
        """A new engine."""
        return cls()


def _answer(prompt: Prompt, *, temperature: float, rng: random.Random) -> str:
    values: dict[str, str] = {}
    for field in prompt.outputs:
        if field.options:
            values[field.name] = choose_option(field, prompt, temperature=temperature, rng=rng)
        elif field.name == "reasoning":
            values[field.name] = f"The closest of {len(prompt.demos)} examples and the cue words decide."
        else:
            values[field.name] = write_text(field, prompt, temperature=temperature, rng=rng)
    if prompt.wants_json:
        return json.dumps(values)
    blocks = [f"[[ ## {name} ## ]]\n{value}" for name, value in values.items()]
    return "\n\n".join([*blocks, "[[ ## completed ## ]]\n"])


def _seeded(system: str, turns: list[tuple[str, str]], temperature: float) -> random.Random:
    content = json.dumps([system, turns, temperature]).encode()
    return random.Random(hashlib.sha256(content).digest())  # noqa: S311 - noise, not a secret


def _joined(parts: Any) -> str:
    return "".join(part.text for part in parts)
