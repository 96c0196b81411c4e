"""Who signs outside is shown what he signs, as EIP-712 typed data; what he answers is checked."""

import json
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from eth_account.messages import encode_typed_data
from eth_utils.crypto import keccak

from teleprompt.attest.signing import sign, typed_data_of
from teleprompt.config.signers import CommandSigner, KeystoreSigner, UrlSigner
from teleprompt.encoding.secret_uri import SecretUri
from teleprompt.errors import ConfigurationError
from teleprompt.signing.signer import open_signer
from tests.attest.documents import BODY, SIGNED, SIGNER, SIGNER_ADDRESS
from tests.support import local_signer

ASKED = typed_data_of(SIGNED, SIGNER_ADDRESS)
UNSIGNED = SIGNED.model_copy(update={"proof": None})


def digest_by_others(shown: dict[str, Any]) -> bytes:
    """As a wallet makes it from what it shows to a person."""
    data = encode_typed_data(full_message=shown)
    return bytes(keccak(b"\x19" + data.version + data.header + data.body))


@pytest.fixture
def posted() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """The address of a service that signs, and what it was sent."""
    bodies: list[dict[str, Any]] = []

    class Service(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            signature = SIGNER.sign(bytes.fromhex(bodies[-1]["digest"][2:])).hex()
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps({"signature": f"0x{signature}"}).encode())

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Service) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", bodies
        server.shutdown()


def test_a_service_gets_the_typed_data(posted: tuple[str, list[dict[str, Any]]]) -> None:
    url, bodies = posted
    outside = open_signer(UrlSigner(address=SIGNER_ADDRESS, url=SecretUri(url)))
    assert sign(UNSIGNED, [outside]) == SIGNED
    (body,) = bodies
    assert body["typed_data"]["message"]["modelId"] == BODY["model_info"]["model_id"]
    assert digest_by_others(body["typed_data"]).hex() == body["digest"][2:] == ASKED.digest.hex()
    outside.sign(bytes(32))  # a transaction is no typed data
    assert bodies[-1] == {"digest": f"0x{bytes(32).hex()}", "address": SIGNER_ADDRESS}


def test_a_command_reads_the_typed_data_on_its_second_line(tmp_path: Path) -> None:
    read, answer = tmp_path / "read", SIGNER.sign(ASKED.digest).hex()
    script = "import sys; open(sys.argv[1], 'w').write(sys.stdin.read()); print(sys.argv[2])"
    command = (sys.executable, "-c", script, str(read), answer)
    outside = open_signer(CommandSigner(address=SIGNER_ADDRESS, command=command))
    assert sign(UNSIGNED, [outside]) == SIGNED
    digest, shown = read.read_text().splitlines()
    assert digest == f"0x{ASKED.digest.hex()}"
    assert digest_by_others(json.loads(shown)) == ASKED.digest


KEYSTORE = local_signer()
OTHERS_ADDRESS = "1563915e194d8cfba1943570603f7606a3115508"


def changed(**changes: Any) -> KeystoreSigner:
    return KEYSTORE.model_copy(update={"keystore": {**KEYSTORE.keystore, **changes}})


def test_a_keystore_whose_version_is_a_text_is_opened() -> None:
    assert open_signer(changed(version="3")).address == SIGNER_ADDRESS


@pytest.mark.parametrize("version", [1, "4", "three", None])
def test_a_keystore_of_another_kind_is_told_from_a_wrong_password(version: Any) -> None:
    with pytest.raises(ConfigurationError, match="is no Web3 Secret Storage of version 3"):
        open_signer(changed(version=version)).sign(bytes(32))


def test_a_keystore_that_names_anothers_address_signs_nothing() -> None:
    with pytest.raises(ConfigurationError, match=f"names the address {OTHERS_ADDRESS} and holds the key of"):
        open_signer(changed(address=OTHERS_ADDRESS)).sign(bytes(32))
