"""`teleprompt signer`."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from teleprompt.config.signers import KeystoreSigner
from teleprompt.signing.signer import open_signer
from tests.cli.conftest import Result


@pytest.mark.slow
def test_a_new_key_signs_and_is_nobody_elses_to_read(call: Callable[..., Result], tmp_path: Path) -> None:
    keystore, password = tmp_path / "keys/keystore.json", tmp_path / "keys/password"
    made = call("signer", "new", str(keystore), "--password-file", str(password), "--json").json
    signer = {"keystore": json.loads(keystore.read_text()), "password": password.read_text()}
    assert open_signer(KeystoreSigner.model_validate(signer)).address == made["address"]
    assert {file.stat().st_mode & 0o777 for file in (keystore, password)} == {0o600}
    before = keystore.read_text()
    again = call("signer", "new", str(keystore), "--password-file", str(tmp_path / "other"))
    assert (again.status, "is there already" in again.err) == (2, True)
    assert keystore.read_text() == before
