"""The local signer and the local public log's key, with their passwords, made once per machine."""

import json

from dev.local import SIGNER
from teleprompt.config.public_log import PublicLogConfig
from teleprompt.signing.keystore import write_keystore
from teleprompt.signing.message_key import Algorithm, write_message_key

LOG_NAME = "localhost/teleprompt"
"""Of the local public log."""


def ensure_signer() -> None:
    """Write the keystore, the public log's key and their passwords into `.local/signer` unless they are there."""
    keystore, password_file = SIGNER / "keystore.json", SIGNER / "password"
    if not (keystore.exists() and password_file.exists()):
        keystore.unlink(missing_ok=True)
        password_file.unlink(missing_ok=True)
        write_keystore(keystore, password_file)
    key, key_password = SIGNER / "log.pem", SIGNER / "log-password"
    if not (key.exists() and key_password.exists()):
        key.unlink(missing_ok=True)
        key_password.unlink(missing_ok=True)
        write_message_key(key, key_password, Algorithm.ED25519)


def signer_environment() -> dict[str, str]:
    """What tells processes without the key whose signatures count, and where the public log's key lies."""
    log = {"origin": LOG_NAME, "pem": str(SIGNER / "log.pem"), "password_file": str(SIGNER / "log-password")}
    connection = json.dumps({"conn_type": "generic", "extra": log})
    return {"TELEPROMPT_TRUSTED_SIGNERS": signer_address(), "AIRFLOW_CONN_TELEPROMPT_LOG": connection}


def local_log() -> PublicLogConfig:
    """The local public log, with its key."""
    pem, password = ((SIGNER / name).read_text() for name in ("log.pem", "log-password"))
    return PublicLogConfig.model_validate({"origin": LOG_NAME, "key": {"pem": pem, "password": password}})


def signer_address() -> str:
    """The EIP-55 address of the local signer."""
    from teleprompt.encoding.addresses import checksum_address

    return checksum_address("0x" + json.loads((SIGNER / "keystore.json").read_text())["address"])
