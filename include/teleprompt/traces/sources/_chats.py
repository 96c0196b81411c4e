"""What was asked and answered in a chat, as clients of language models log it.

Messages by themselves, or requests and answers of OpenAI's chat completions
(https://platform.openai.com/docs/api-reference/chat) and responses (…/responses), of Anthropic's messages
(https://docs.anthropic.com/en/api/messages), and of LangChain's chat models. Messages are OpenAI's (`role`, `content`),
OpenTelemetry's GenAI (`role`, `parts`) or LangChain's (`type`, `content`).
"""

from collections.abc import Mapping, Sequence
from typing import Any

ROLES = {"human": "user", "ai": "assistant"}
"""LangChain's names."""

OF_DSPY = "prompt"
"""What a DSPy model is asked has it, and is what the program made of its inputs."""


def asked(request: Any) -> str | None:
    """The text of the user's last message; None of what is no chat."""
    if isinstance(request, Mapping):
        if OF_DSPY in request:
            return None
        request = request.get("messages", request.get("input"))
        if isinstance(request, str):
            return request
    return _last(request, "user")


def answered(answer: Any) -> str | None:
    """The text of the model's answer; None of what is no chat."""
    if not isinstance(answer, Mapping):
        return _last(answer, "assistant")
    match answer:
        case {"choices": [{"message": Mapping() as message}, *_]}:
            return _text(message)
        case {"generations": [[{"text": str(text)}, *_], *_]}:
            return text
        case {"messages": list(messages)} | {"output": list(messages)}:
            # Besides messages, OpenAI's responses hold calls of tools and what the model thought.
            return _last([each for each in messages if _role(each) is not None], "assistant")
    return _text(answer) if _role(answer) == "assistant" else None


def _last(messages: Any, role: str) -> str | None:
    if isinstance(messages, Sequence) and len(messages) == 1 and isinstance(messages[0], list):
        messages = messages[0]  # LangChain's batch of one
    if not isinstance(messages, list) or not messages or any(_role(each) is None for each in messages):
        return None
    return next((_text(each) for each in reversed(messages) if _role(each) == role), None)


def _role(message: Any) -> str | None:
    if not isinstance(message, Mapping):
        return None
    role = message.get("role", message.get("type") if "content" in message else None)
    return ROLES.get(role, role) if isinstance(role, str) else None


def _text(message: Mapping[str, Any]) -> str | None:
    content = message.get("content", message.get("parts"))
    if not isinstance(content, list):
        return content if isinstance(content, str) else None
    texts = [part.get("text", part.get("content")) for part in content if isinstance(part, Mapping)]
    said = [text for text in texts if isinstance(text, str)]
    return "".join(said) if said else None
