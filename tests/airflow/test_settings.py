import json
from pathlib import Path

import pytest
import yaml
from airflow.sdk import Connection

from teleprompt.config.message_keys import CommandKey, UrlKey
from teleprompt.errors import ConfigurationError
from teleprompt.signing.message_key import Algorithm, open_message_key, write_message_key
from teleprompt.signing.signer import open_signer
from teleprompt_airflow.hooks.settings import MLFLOW, PUBLIC_LOG, SIGNER, STORAGE, build_settings
from tests import REPOSITORY
from tests.support import ALICE, local_signer
from tests.transparency.keys import ORIGIN, Cosigner


def conn(conn_id: str, *, extra: dict | None = None, **fields) -> Connection:
    return Connection(conn_id=conn_id, conn_type="generic", extra=json.dumps(extra or {}), **fields)


def test_the_shipped_connections_make_settings() -> None:
    entries = yaml.safe_load((REPOSITORY / "airflow_settings.yaml").read_text())["airflow"]["connections"]
    connections = {e["conn_id"]: conn(e["conn_id"], extra=e["conn_extra"]) for e in entries}
    del connections[SIGNER]  # its files are made by `make run`
    settings = build_settings(connections, lm_conn_id="teleprompt_lm")
    assert settings.tracking_uri.get_secret_value().endswith("/.local/mlflow/mlflow.db")
    assert settings.lm.model == "offline/nearest-demo"


@pytest.mark.parametrize(
    ("connection", "uri"),
    [
        (conn(MLFLOW, host="mlflow", port=5000), "http://mlflow:5000"),
        (conn(MLFLOW, host="mlflow.example.com", schema="https"), "https://mlflow.example.com"),
        (conn(MLFLOW, host="https://mlflow.example.com/base"), "https://mlflow.example.com/base"),
        (conn(MLFLOW, extra={"tracking_uri": "databricks"}), "databricks"),
    ],
)
def test_mlflow_by_host_or_by_uri(connection: Connection, uri: str) -> None:
    assert build_settings({MLFLOW: connection}, lm_conn_id="lm").tracking_uri.get_secret_value() == uri


def test_a_model_with_its_key() -> None:
    lm = build_settings(
        {"lm": conn("lm", host="http://llm/v1", password="sk-x", extra={"model": "openai/m", "temperature": 0.1})},
        lm_conn_id="lm",
    ).lm
    assert (lm.model, lm.identity["api_base"], lm.temperature) == ("openai/m", "http://llm/v1", 0.1)
    assert lm.api_key is not None
    assert "sk-x" not in repr(lm)


@pytest.mark.parametrize("where", ["json", "text", "file"])
def test_a_signer_by_keystore_and_password(tmp_path: Path, where: str) -> None:
    keystore = local_signer().keystore
    (tmp_path / "k.json").write_text(json.dumps(keystore))
    (tmp_path / "p").write_text("secret\n")
    given = {"json": keystore, "text": json.dumps(keystore), "file": str(tmp_path / "k.json")}[where]
    connection = conn(SIGNER, extra={"keystore": given, "password_file": str(tmp_path / "p")})
    signer = build_settings({SIGNER: connection}, lm_conn_id="lm").signer
    assert signer is not None
    assert open_signer(signer).address == open_signer(local_signer()).address


@pytest.mark.parametrize("where", ["text", "file"])
def test_a_public_log_by_its_key_and_witnesses(tmp_path: Path, where: str) -> None:
    key = write_message_key(tmp_path / "log.pem", tmp_path / "p", Algorithm.ED25519)
    given = str(tmp_path / "log.pem") if where == "file" else (tmp_path / "log.pem").read_text()
    witness = {"url": "https://witness.example/mark", "key": str(Cosigner().key)}
    extra = {"origin": ORIGIN, "pem": given, "password_file": str(tmp_path / "p"), "witnesses": [witness]}
    log = build_settings({PUBLIC_LOG: conn(PUBLIC_LOG, extra=extra)}, lm_conn_id="lm").public_log
    assert log is not None
    assert log.key is not None
    assert (log.origin, open_message_key(log.key).pem, log.witnesses[0].key) == (ORIGIN, key.pem, witness["key"])


def test_a_key_of_the_public_log_that_lies_outside() -> None:
    outside = {"origin": ORIGIN, "public_key": "-----BEGIN", "url": "https://kms.example"}
    log = build_settings({PUBLIC_LOG: conn(PUBLIC_LOG, password="token", extra=outside)}, lm_conn_id="lm").public_log
    assert log is not None
    assert isinstance(log.key, UrlKey)
    assert log.key.token is not None
    command = {"origin": ORIGIN, "public_key": "-----BEGIN", "command": ["sign"]}
    other = build_settings({PUBLIC_LOG: conn(PUBLIC_LOG, extra=command)}, lm_conn_id="lm").public_log
    assert other is not None
    assert isinstance(other.key, CommandKey)


@pytest.mark.parametrize(
    ("conn_id", "connection", "problem"),
    [
        (MLFLOW, conn(MLFLOW), "names no MLflow"),
        (STORAGE, conn(STORAGE), "lacks `uri`"),
        (SIGNER, conn(SIGNER, password="x", extra={"keystore": "nowhere.json"}), "nowhere.json, which cannot be read"),
        (PUBLIC_LOG, conn(PUBLIC_LOG, extra={"origin": "a", "pem": "nowhere.pem"}), "go without a public log"),
        (PUBLIC_LOG, conn(PUBLIC_LOG, extra={"origin": "two words"}), "origin: Value error"),
        (PUBLIC_LOG, conn(PUBLIC_LOG, extra={}), "origin: Field required"),
    ],
)
def test_what_a_connection_lacks_is_named(conn_id: str, connection: Connection, problem: str) -> None:
    with pytest.raises(ConfigurationError, match=problem):
        build_settings({conn_id: connection}, lm_conn_id="lm")


def test_airflow_masks_what_gives_access_in_a_uri(monkeypatch: pytest.MonkeyPatch) -> None:
    masked: list[str] = []
    monkeypatch.setattr("teleprompt_airflow.hooks.settings.mask_secret", masked.append)
    build_settings(
        {
            MLFLOW: conn(MLFLOW, extra={"tracking_uri": "postgresql://mlflow:mark1%2F@host/mlflow"}),
            "lm": conn("lm", host="http://user:mark2@llm/v1", extra={"model": "openai/m"}),
            SIGNER: conn(SIGNER, extra={"address": ALICE, "url": "https://signer/?token=mark3"}),
            "node": conn("node", host="https://node/v3/mark4"),
        },
        lm_conn_id="lm",
        web3_conn_id="node",
    )
    assert {"mark1%2F", "mark1/", "mark2", "mark3", "https://node/v3/mark4"} <= set(masked)


def test_no_error_of_a_connection_quotes_a_secret() -> None:
    broken = conn("lm", password="mark", extra={"model": ["mark"], "api_key": ["mark"]})
    with pytest.raises(ValueError, match="validation errors") as error:
        build_settings({"lm": broken}, lm_conn_id="lm")
    assert "mark" not in str(error.value)
    with pytest.raises(ConfigurationError, match="named with a password") as refused:
        build_settings({STORAGE: conn(STORAGE, extra={"uri": "s3://key:mark@bucket"})}, lm_conn_id="lm")
    assert "mark" not in str(refused.value)
