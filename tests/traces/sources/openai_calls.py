"""Calls of OpenAI's client, whose answers are made up here, under MLflow's autologging."""

from collections.abc import Mapping
from typing import Any

import httpx
import mlflow
import openai

ASKED: list[Any] = [{"role": "system", "content": "Sort it."}, {"role": "user", "content": "lost"}]
CHAT = {
    "id": "1", "object": "chat.completion", "created": 1, "model": "m",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "post"}}],
}  # fmt: skip
SAID = {"type": "output_text", "text": "post", "annotations": []}
RESPONSE = {
    "id": "1", "object": "response", "created_at": 1, "model": "m", "status": "completed",
    "parallel_tool_calls": False, "tool_choice": "auto", "tools": [],
    "output": [
        {"type": "reasoning", "id": "1", "summary": []},
        {"type": "message", "id": "2", "status": "completed", "role": "assistant", "content": [SAID]},
    ],
}  # fmt: skip


def log_openai_calls(*, chat: Mapping[str, str], response: Mapping[str, str]) -> list[str]:
    """Ask once each way, with these tags; the traces' ids."""
    http = httpx.Client(transport=httpx.MockTransport(_answer))
    client, ids = openai.OpenAI(api_key="none", base_url="http://model/v1", http_client=http), []
    mlflow.openai.autolog()
    with mlflow.tracing.context(tags=dict(chat)):
        client.chat.completions.create(model="m", messages=ASKED)
    ids.append(str(mlflow.get_last_active_trace_id()))
    with mlflow.tracing.context(tags=dict(response)):
        client.responses.create(model="m", input="lost")
    ids.append(str(mlflow.get_last_active_trace_id()))
    mlflow.openai.autolog(disable=True)
    return ids


def _answer(request: httpx.Request) -> httpx.Response:
    return httpx.Response(200, json=RESPONSE if request.url.path.endswith("responses") else CHAT)
