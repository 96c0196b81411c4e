"""The domain's `Settings`, from Airflow connections.

`mlflow_default`: extra `{"tracking_uri": …}`, or host, port and schema of a server; login and password for its basic
auth. `teleprompt_storage`: extra `{"uri": …}`. The program's `lm_conn_id`: extra `{"model": …}` and any other field of
`LMConfig`, host as API base, password as key; `teleprompt_judge` the same, for the metric `judge`. `teleprompt_signer`:
extra `{"keystore": …}`, a path or the JSON itself, and the password, or in extra `{"password_file": …}`. What has no
connection comes from the environment.
"""

import json
import os
from collections.abc import Mapping
from typing import Any

from airflow.sdk import BaseHook, Connection
from airflow.sdk.exceptions import AirflowNotFoundException

from include.teleprompt.config.gate import JUDGE
from include.teleprompt.config.program import ProgramConfig
from include.teleprompt.config.settings import PROJECT_ROOT, LMConfig, Settings, SignerConfig
from include.teleprompt.errors import ConfigurationError

MLFLOW = "mlflow_default"
STORAGE = "teleprompt_storage"
SIGNER = "teleprompt_signer"


def settings_from_connections(config: ProgramConfig, *, signer: bool = False) -> Settings:
    """The settings for one program, in a task; the signing key only if `signer` asks for it."""
    judge = config.gate.judge.lm_conn_id if config.gate.metric == JUDGE else None
    others = [config.prompt_lm_conn_id, judge, SIGNER if signer else None]
    return build_settings(
        {name: _connection(name) for name in (MLFLOW, STORAGE, config.lm_conn_id, *filter(None, others))},
        lm_conn_id=config.lm_conn_id,
        prompt_lm_conn_id=config.prompt_lm_conn_id,
        judge_lm_conn_id=judge,
    )


async def tracking_settings_from_connections() -> Settings:
    """The settings with MLflow only, in a trigger (where connections are read asynchronously)."""
    try:
        connection = await BaseHook.aget_connection(MLFLOW)
    except AirflowNotFoundException:
        connection = None
    return build_settings({MLFLOW: connection}, lm_conn_id="")


def build_settings(
    connections: Mapping[str, Connection | None],
    *,
    lm_conn_id: str,
    prompt_lm_conn_id: str | None = None,
    judge_lm_conn_id: str | None = None,
) -> Settings:
    """The settings that these connections make.

    Raises:
        ConfigurationError: a connection lacks what it is for.
    """
    given: dict[str, Any] = {}
    if mlflow := connections.get(MLFLOW):
        given["tracking_uri"] = _tracking_uri(mlflow)
    if storage := connections.get(STORAGE):
        given["storage_uri"] = _required(storage, "uri")
    if lm := connections.get(lm_conn_id):
        given["lm"] = _lm(lm)
    if prompt_lm_conn_id is not None:
        given["prompt_lm"] = _named_lm(connections, prompt_lm_conn_id, key="prompt_lm_conn_id")
    if judge_lm_conn_id is not None:
        given["judge_lm"] = _named_lm(connections, judge_lm_conn_id, key="gate.judge.lm_conn_id")
    if signer := connections.get(SIGNER):
        given["signer"] = _signer(signer)
    return Settings(**given)


def _connection(conn_id: str) -> Connection | None:
    try:
        return BaseHook.get_connection(conn_id)
    except AirflowNotFoundException:
        return None


def _tracking_uri(connection: Connection) -> str:
    if connection.login:
        os.environ["MLFLOW_TRACKING_USERNAME"] = connection.login
    if connection.password:
        os.environ["MLFLOW_TRACKING_PASSWORD"] = connection.password
    uri = connection.extra_dejson.get("tracking_uri")
    if uri:
        return str(uri)
    if not connection.host:
        raise ConfigurationError(
            f"The connection {MLFLOW} names no MLflow; give it a host, or `tracking_uri` in its extra."
        )
    if "://" in connection.host:
        return connection.host
    port = f":{connection.port}" if connection.port else ""
    return f"{connection.schema or 'http'}://{connection.host}{port}"


def _lm(connection: Connection) -> LMConfig:
    extra = dict(connection.extra_dejson)
    return LMConfig.model_validate(
        {"api_base": connection.host or None, "api_key": connection.password or None, **extra}
    )


def _named_lm(connections: Mapping[str, Connection | None], conn_id: str, *, key: str) -> LMConfig:
    """The model of a connection that a program's file names, and that must be there."""
    connection = connections.get(conn_id)
    if connection is None:
        raise ConfigurationError(
            f"There is no connection {conn_id}, which `{key}` names; add it, or name that of the program's own model."
        )
    return _lm(connection)


def _signer(connection: Connection) -> SignerConfig:
    keystore = _required(connection, "keystore")
    if not isinstance(keystore, dict):
        text = str(keystore)
        keystore = json.loads(text if text.lstrip().startswith("{") else _read(text))
    password = connection.password
    if not password:
        password = _read(_required(connection, "password_file")).strip()
    return SignerConfig.model_validate({"keystore": keystore, "password": password})


def _read(path: str) -> str:
    try:
        return (PROJECT_ROOT / path).read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(
            f"The connection {SIGNER} names {path}, which cannot be read; correct it, or delete the connection "
            "to issue attestations without a signature."
        ) from error


def _required(connection: Connection, key: str) -> Any:
    value = connection.extra_dejson.get(key)
    if not value:
        raise ConfigurationError(f"The connection {connection.conn_id} lacks `{key}` in its extra; add it.")
    return value
