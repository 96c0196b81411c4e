"""Any LiteLLM model: a real HTTP client against a local server that speaks OpenAI's protocol."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import dspy
import pytest

from include.teleprompt.config.settings import LMConfig
from include.teleprompt.lm.build import build_lm


class OpenAIServer(ThreadingHTTPServer):
    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.requests: list[dict] = []
        self.keys: list[str] = []


class Handler(BaseHTTPRequestHandler):
    server: OpenAIServer

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.requests.append(body)
        self.server.keys.append(self.headers["Authorization"])
        answer = {
            "id": "1",
            "object": "chat.completion",
            "created": 0,
            "model": body["model"],
            "choices": [
                {
                    "index": 0,
                    "finish_reason": "stop",
                    "message": {"role": "assistant", "content": "[[ ## answer ## ]]\nfour\n\n[[ ## completed ## ]]"},
                }
            ],
            "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
        }
        data = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    server = OpenAIServer()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_program_runs_on_a_model_behind_an_api_base(server: OpenAIServer) -> None:
    config = LMConfig.model_validate(
        {
            "model": "openai/my-model",
            "api_base": f"http://127.0.0.1:{server.server_port}/v1",
            "api_key": "sk-test",
            "temperature": 0.25,
            "max_tokens": 50,
        }
    )
    with dspy.context(lm=build_lm(config)):
        assert dspy.Predict("question -> answer")(question="2+2?").answer == "four"
    (request,) = server.requests
    assert (request["model"], request["temperature"]) == ("my-model", 0.25)
    assert server.keys == ["Bearer sk-test"]
