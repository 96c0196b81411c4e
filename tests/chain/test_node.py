"""What stands where the node should be may answer anything; the answer is one error, and tells no key."""

import logging
import traceback
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from include.teleprompt.chain.abi import revert_reason
from include.teleprompt.chain.node import Node
from include.teleprompt.errors import ChainUnavailableError, TelepromptError


class Answers(BaseHTTPRequestHandler):
    status, body = 200, b""

    def do_POST(self) -> None:
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def url() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Answers)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/v3/SECRETKEY"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b"<html>blocked</html>"),
        (200, b""),
        (200, b'{"jsonrpc": "2.0", "id": 1, "result": null}'),
        (200, b'{"jsonrpc": "2.0", "id": 1, "result": "0xzz"}'),
        (200, b"[]"),
        (401, b"no"),
        (429, b"slow down"),
    ],
)
def test_a_bad_answer_is_worth_a_retry_and_tells_no_key(
    url: str, status: int, body: bytes, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(Answers, "status", status)
    monkeypatch.setattr(Answers, "body", body)
    with caplog.at_level(logging.DEBUG), pytest.raises(ChainUnavailableError) as error:
        Node(url, chain_id=1).head()
    told = "".join(traceback.format_exception(error.value)) + caplog.text
    assert "SECRETKEY" not in told
    assert status == 200 or f"HTTP {status}" in str(error.value)


def test_a_refusal_of_the_node_is_told(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Answers, "body", b'{"jsonrpc": "2.0", "id": 1, "error": {"code": -1, "message": "no such"}}')
    with pytest.raises(TelepromptError, match="refuses a request"):
        Node(url, chain_id=1).head()


def test_a_reason_that_was_cut_short_is_shown_as_it_is() -> None:
    assert revert_reason(bytes.fromhex("08c379a0") + b"\1") == "0x08c379a001"
