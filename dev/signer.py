"""The local signer: a keystore and its password, made once per machine."""

import json
import secrets

from dev.local import SIGNER


def ensure_signer() -> None:
    """Write `.local/signer/keystore.json` and its password unless they are there; nobody else can read them."""
    keystore, password_file = SIGNER / "keystore.json", SIGNER / "password"
    if keystore.exists() and password_file.exists():
        return
    from eth_account import Account

    SIGNER.mkdir(parents=True, exist_ok=True, mode=0o700)
    password = secrets.token_urlsafe(24)
    password_file.touch(mode=0o600)
    password_file.write_text(password, encoding="utf-8")
    keystore.touch(mode=0o600)
    keystore.write_text(json.dumps(Account.encrypt(Account.create().key, password)), encoding="utf-8")


def signer_address() -> str:
    """The EIP-55 address of the local signer."""
    from include.teleprompt.addresses import checksum_address

    return checksum_address("0x" + json.loads((SIGNER / "keystore.json").read_text())["address"])
