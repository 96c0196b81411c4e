"""What other clients send to MLflow's OpenTelemetry intake, and what a program learns of it."""

import json
import secrets
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import requests

from teleprompt.tracking.connection import mlflow_client
from tests.traces.sources.serving import serving
from tests.traces.sources.test_meaning import usable

SAID, ANSWERED = {"ticket": "lost"}, {"queue": "post"}


def attributes(values: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"key": key, "value": {"stringValue": value}} for key, value in values.items()]


class Intake:
    """MLflow's server as a client in another language sees it: JSON by HTTP."""

    def __init__(self, address: str, experiment: str) -> None:
        self._address, self._experiment = address, experiment

    def send(self, *spans: Mapping[str, Any], remote: bool = False) -> str:
        """One trace of these spans, each below the one before; with `remote` the first is below another service's."""
        trace_id, ids = secrets.token_hex(16), [secrets.token_hex(8) for _ in spans]
        now, parents = time.time_ns(), [secrets.token_hex(8) if remote else "", *ids]
        sent = [
            {
                "traceId": trace_id,
                "spanId": ids[i],
                "parentSpanId": parents[i],
                "name": f"step {i}",
                "startTimeUnixNano": str(now + i),
                "endTimeUnixNano": str(now + 10_000_000 - i),
                "attributes": attributes(span),
            }
            for i, span in enumerate(spans)
        ]
        body = {"resourceSpans": [{"scopeSpans": [{"spans": sent}]}]}
        self._post("/v1/traces", body, {"x-mlflow-experiment-id": self._experiment})
        return f"tr-{trace_id}"

    def say(self, trace_id: str, value: Any, **more: Any) -> None:
        """A person's feedback."""
        said = {
            "trace_id": trace_id,
            "assessment_name": "ok",
            "source": {"source_type": "HUMAN", "source_id": "ann"},
            "feedback": {"value": value},
            **more,
        }
        self._post(f"/api/3.0/mlflow/traces/{trace_id}/assessments", {"assessment": said}, {})

    def tag(self, trace_id: str, **tags: str) -> None:
        for key, value in tags.items():
            self._post(f"/api/3.0/mlflow/traces/{trace_id}/tags", {"key": key, "value": value}, {}, method="PATCH")

    def _post(self, path: str, body: Any, headers: dict[str, str], method: str = "POST") -> None:
        answer = requests.request(method, self._address + path, json=body, headers=headers, timeout=60)
        assert answer.ok, answer.text


def own(program: str) -> dict[str, str]:
    return {"mlflow.traceTag.dspy_program_name": program, "mlflow.traceTag.contributor_id": "bob"}


MESSAGES = {
    "gen_ai.operation.name": "chat",
    "gen_ai.input.messages": json.dumps([{"role": "user", "parts": [{"type": "text", "content": "lost"}]}]),
    "gen_ai.output.messages": json.dumps([{"role": "assistant", "parts": [{"type": "text", "content": "post"}]}]),
}
CONVENTIONS: dict[str, dict[str, str]] = {
    "OpenInference": {"input.value": json.dumps(SAID), "output.value": json.dumps(ANSWERED)},
    "OpenInference, texts": {"input.value": "lost", "output.value": "post"},
    "GenAI": MESSAGES,
    "Traceloop": {"traceloop.entity.input": json.dumps(SAID), "traceloop.entity.output": json.dumps(ANSWERED)},
    "Langfuse": {"langfuse.observation.input": json.dumps(SAID), "langfuse.observation.output": json.dumps(ANSWERED)},
    "MLflow": {"mlflow.spanInputs": json.dumps(SAID), "mlflow.spanOutputs": json.dumps(ANSWERED)},
}  # fmt: skip


def send_meanings(intake: Intake) -> None:
    """A program for each row of the table below."""
    for name, logged in CONVENTIONS.items():
        intake.say(intake.send({**logged, **own(name)}), 1)
        intake.say(intake.send(own(f"{name}, below a handler"), logged), 1)
    inner = CONVENTIONS["OpenInference"]
    remote = intake.send(inner, remote=True)
    intake.tag(remote, dspy_program_name="a remote parent", contributor_id="bob")
    intake.say(remote, 1)
    intake.say(intake.send({**inner, **own("a session"), "session.id": "S1", "user.id": "ann"}), 1)
    first, _ = (intake.send({**inner, **own("feedback on a session"), "session.id": "S2"}) for _ in range(2))
    intake.say(first, 1, metadata={"mlflow.trace.session": "S2"})
    intake.say(intake.send({**inner, **own("a text")}), "yes")
    intake.say(intake.send({**inner, **own("a boolean")}), False)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, _empty_store: Path) -> Iterator[dict[str, str]]:
    """Addresses of one store: the database, and the server that took everything in."""
    folder = tmp_path_factory.mktemp("otlp")
    (folder / "mlflow.db").write_bytes(_empty_store.read_bytes())
    uri = f"sqlite:///{folder}/mlflow.db"
    with mlflow_client(uri) as client:
        experiment = client.create_experiment("prod", (folder / "artifacts").as_uri())
    with serving(uri, folder) as address:
        send_meanings(Intake(address, str(experiment)))
        yield {"sql": uri, "api": uri, "server": address}


MEANINGS: dict[str, list[Any]] = {
    **{name: [("lost", "post", 1, None)] for name in CONVENTIONS},
    **{f"{name}, below a handler": [("lost", "post", 1, None)] for name in CONVENTIONS},
    "a remote parent": [("lost", "post", 1, None)],
    "a session": [("lost", "post", 1, "S1")],
    "feedback on a session": [("lost", "post", 1, "S2")] * 2,
    "a text": [("lost", "post", 1, None)],
    "a boolean": [("lost", "post", 0, None)],
}


@pytest.mark.slow
@pytest.mark.parametrize("route", ["sql", "api", "server"])
@pytest.mark.parametrize("program", MEANINGS)
def test_what_was_sent_means_the_same(store: dict[str, str], program: str, route: str) -> None:
    access = "sql" if route == "sql" else "api"
    assert usable(store[route], access, program) == MEANINGS[program]
