"""The domain's `Settings`, from Airflow connections.

`mlflow_default`: extra `{"tracking_uri": …}`, or host, port and schema of a server; login and password for its basic
auth. `teleprompt_storage`: extra `{"uri": …}`. The program's `lm_conn_id`: extra `{"model": …}` and any other field of
`LMConfig`, host as API base, password as key; `teleprompt_judge` the same, for the metric `judge`. `teleprompt_signer`:
extra `{"keystore": …}`, a path or the JSON itself, and the password, or in extra `{"password_file": …}`; for a signer
outside `{"address": …, "command": […]}` or `{"address": …, "url": …}` and a token as password; `{"cosigners": […]}`
names the connections of others that sign, too. `teleprompt_payer`: of the same form. `teleprompt_log`: extra
`{"origin": …, "pem": …}`, a path or the text itself, and the password, or in extra `{"password_file": …}`; for a key
outside `{"public_key": …, "command": […]}` or `{"public_key": …, "url": …}` and a token as password; any other field of
`PublicLogConfig`. The chain's `conn_id`: the node's
URL as host, or as password. What has no connection comes from the environment.
"""

import json
import os
from collections.abc import Iterator, Mapping
from typing import Any

from airflow.sdk import BaseHook, Connection
from airflow.sdk.exceptions import AirflowNotFoundException
from airflow.sdk.log import mask_secret
from pydantic import SecretStr, ValidationError

from teleprompt.config.gate import JUDGE
from teleprompt.config.message_keys import UrlKey
from teleprompt.config.program import ProgramConfig
from teleprompt.config.project import project_dir
from teleprompt.config.public_log import PublicLogConfig
from teleprompt.config.settings import LMConfig, Settings, Web3Config
from teleprompt.config.signers import CommandSigner, KeystoreSigner, SignerConfig, UrlSigner
from teleprompt.encoding.secret_uri import SecretUri
from teleprompt.errors import ConfigurationError

MLFLOW = "mlflow_default"
STORAGE = "teleprompt_storage"
SIGNER = "teleprompt_signer"
PAYER = "teleprompt_payer"
PUBLIC_LOG = "teleprompt_log"


def settings_from_connections(config: ProgramConfig, *, signer: bool = False, chain: bool = False) -> Settings:
    """The settings for one program, in a task; signing keys and the chain's node only if they are asked for."""
    judge = config.gate.judge.lm_conn_id if config.gate.metric == JUDGE else None
    web3 = config.chain.conn_id if chain and config.chain else None
    others = [config.prompt_lm_conn_id, judge, SIGNER if signer else None, PAYER if web3 else None, web3]
    connections = {
        name: _connection(name) for name in (MLFLOW, STORAGE, PUBLIC_LOG, config.lm_conn_id, *filter(None, others))
    }
    if own := connections.get(SIGNER):
        connections |= {name: _connection(name) for name in cosigners_of(own)}
    return build_settings(
        connections,
        lm_conn_id=config.lm_conn_id,
        prompt_lm_conn_id=config.prompt_lm_conn_id,
        judge_lm_conn_id=judge,
        web3_conn_id=web3,
    )


def shared_settings() -> Settings:
    """MLflow and the storage, which all programs share, without keys and models; for the API server."""
    return build_settings({name: _connection(name) for name in (MLFLOW, STORAGE)}, lm_conn_id="")


def model_of(config: ProgramConfig) -> LMConfig:
    """The language model of the program's connection, or of the environment where there is no such connection."""
    connection = _connection(config.lm_conn_id)
    return Settings().lm if connection is None else _lm(connection)


def node_of(config: ProgramConfig) -> Web3Config:
    """The node of the program's chain.

    Raises:
        ConfigurationError: the program names no contract, or its connection no node.
    """
    if config.chain is None:
        raise ConfigurationError(f"{config.name} names no contract; add `chain` to its program file.")
    return _web3(_connection(config.chain.conn_id), config.chain.conn_id)


def cosigners_of(signer: Connection) -> list[str]:
    """The connections of the others that sign, too."""
    return list(signer.extra_dejson.get("cosigners") or [])


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
    web3_conn_id: str | None = None,
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
        given["cosigners"] = tuple(_cosigner(connections, name) for name in cosigners_of(signer))
    if payer := connections.get(PAYER):
        given["payer"] = _signer(payer)
    if public_log := connections.get(PUBLIC_LOG):
        given["public_log"] = _public_log(public_log)
    if web3_conn_id is not None:
        given["web3"] = _web3(connections.get(web3_conn_id), web3_conn_id)
    settings = Settings(**given)
    for secret in _secrets(settings):
        mask_secret(secret)  # Airflow masks passwords by itself, but not what stands in a URI
    return settings


def _secrets(settings: Settings) -> Iterator[str]:
    """What gives access and stands in a URI, for nothing that a task logs to show it."""
    models = [model.api_base for model in (settings.lm, settings.prompt_lm, settings.judge_lm) if model]
    services = [signer.url for signer in (*settings.signers, settings.payer) if isinstance(signer, UrlSigner)]
    log = settings.public_log
    asked = [log.timestamp_url, *(witness.url for witness in log.witnesses)] if log else []
    if log is not None and isinstance(log.key, UrlKey):
        asked.append(log.key.url)
    for uri in (settings.tracking_uri, *models, *services, *asked):
        yield from uri.secrets if uri else ()
    if settings.web3 is not None:
        yield settings.web3.url.get_secret_value()


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
    """A keystore, or a signer outside: its address and a command or a URL."""
    extra = connection.extra_dejson
    if "command" in extra:
        return CommandSigner(address=_required(connection, "address"), command=tuple(extra["command"]))
    if "url" in extra:
        address = _required(connection, "address")
        return UrlSigner(
            address=address,
            url=SecretUri(str(extra["url"])),
            token=SecretStr(connection.password) if connection.password else None,
        )
    keystore = _required(connection, "keystore")
    if not isinstance(keystore, dict):
        text = str(keystore)
        keystore = json.loads(text if text.lstrip().startswith("{") else _read(text))
    password = connection.password
    if not password:
        password = _read(_required(connection, "password_file")).strip()
    return KeystoreSigner(keystore=keystore, password=SecretStr(password))


def _public_log(connection: Connection) -> PublicLogConfig:
    """Its name, its key or where that lies, and who else vouches for it."""
    extra = dict(connection.extra_dejson)
    key: dict[str, Any] = {name: extra.pop(name) for name in ("command", "url", "public_key") if name in extra}
    pem, password_file = extra.pop("pem", None), extra.pop("password_file", None)
    if pem is not None:
        password = connection.password or (_read(password_file, PUBLIC_LOG).strip() if password_file else None)
        key = {"pem": pem if pem.lstrip().startswith("-----") else _read(pem, PUBLIC_LOG), "password": password}
    elif connection.password and "url" in key:
        key["token"] = connection.password
    try:
        return PublicLogConfig.model_validate({**extra, **({"key": key} if key else {})})
    except ValidationError as error:
        told = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors(include_input=False))
        raise ConfigurationError(f"The connection {PUBLIC_LOG} cannot be used ({told}); correct its extra.") from None


def _cosigner(connections: Mapping[str, Connection | None], conn_id: str) -> SignerConfig:
    connection = connections.get(conn_id)
    if connection is None:
        raise ConfigurationError(f"There is no connection {conn_id}, a cosigner of {SIGNER}; add it.")
    return _signer(connection)


def _web3(connection: Connection | None, conn_id: str) -> Web3Config:
    """The node: a URL as host, or in the password where it holds a key."""
    url = connection and (connection.password or connection.host)
    if not url or "://" not in url:
        raise ConfigurationError(
            f"The connection {conn_id} names no node; give it the node's URL as host, or as password if it holds a key."
        )
    return Web3Config(url=SecretStr(url))


def _read(path: str, conn_id: str = SIGNER) -> str:
    try:
        return (project_dir() / path).read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(
            f"The connection {conn_id} names {path}, which cannot be read; correct it, or delete the connection "
            f"to {'issue attestations without a signature' if conn_id == SIGNER else 'go without a public log'}."
        ) from error


def _required(connection: Connection, key: str) -> Any:
    value = connection.extra_dejson.get(key)
    if not value:
        raise ConfigurationError(f"The connection {connection.conn_id} lacks `{key}` in its extra; add it.")
    return value
