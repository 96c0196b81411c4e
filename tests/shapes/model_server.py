"""A language model on loopback that knows a shape's answers: untaught to about half of the calls, taught to all.

It is taught by a demonstration in its prompt, or by an instruction that it wrote itself when an optimizer asked it to.
"""

import json
import re
from http.server import ThreadingHTTPServer
from typing import Any

from tests.loopback import Exchange, answering
from tests.shapes.shape import Shape

BETTER = "Work with more care."


def serve(shapes: dict[str, Shape]) -> ThreadingHTTPServer:
    """A server whose model `openai/<shape>` answers for that shape, `openai/<shape>.right` always rightly, and
    `openai/<shape>.wrong` always wrongly."""

    class Model(Exchange):
        def respond(self) -> None:
            request = json.loads(self.body())
            name, _, mood = request["model"].partition(".")
            text = reply(shapes[name], request["messages"], mood)
            choice = {"finish_reason": "stop", "message": {"role": "assistant", "content": text}}
            body = {
                "id": "x",
                "object": "chat.completion",
                "created": 0,
                "model": request["model"],
                "choices": [{"index": i, **choice} for i in range(request.get("n") or 1)],
                "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
            }
            self.answer(200, json.dumps(body).encode(), content_type="application/json")

    return answering(Model)


def reply(shape: Shape, messages: list[dict[str, Any]], mood: str = "") -> str:
    """The answer to a prompt of one of DSPy's adapters."""
    system = "\n".join(_text(message) for message in messages if message["role"] in ("system", "developer"))
    last = _text(messages[-1])
    fields = re.findall(
        r"^\d+\. `(\w+)`", system.partition("Your output fields are:")[2].partition("All inter")[0], re.MULTILINE
    )
    if not fields:  # GEPA asks in words of its own
        return f"```\n{BETTER}\n```"
    number = re.findall(r"case-(\d+)", last)
    n = int(number[0]) if number else 0
    taught = BETTER in system or any("case-" in _text(message) for message in messages[1:-1])
    right = mood == "right" or (mood != "wrong" and (taught or shape.knows(n)))
    own = shape.taught(n)[0] if shape.taught is not None and taught and not mood else shape.says(n, right)
    known = {"next_tool_name": "finish" if "observation_0" in last else "look_up", "next_tool_args": _args(last, n)}
    says = {**known, **own}
    values = {name: says.get(name, BETTER) for name in fields}
    if re.search(rf"^<{fields[0]}>", system, re.MULTILINE):
        return "\n".join(f"<{name}>\n{_written(value)}\n</{name}>" for name, value in values.items())
    if "[[ ## completed ## ]]" not in system:
        return json.dumps(values)
    marked = [f"[[ ## {name} ## ]]\n{_written(value)}" for name, value in values.items()]
    return "\n\n".join([*marked, "[[ ## completed ## ]]"])


def _args(last: str, n: int) -> dict[str, str]:
    return {} if "observation_0" in last else {"query": f"case-{n}"}


def _written(value: Any) -> str:
    return (
        value
        if isinstance(value, str)
        else str(value)
        if isinstance(value, bool) or value is None
        else json.dumps(value)
    )


def _text(message: dict[str, Any]) -> str:
    content = message.get("content")
    return content if isinstance(content, str) else "\n".join(part.get("text", "") for part in content or [])
