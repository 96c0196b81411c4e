"""The local signer: a keystore and its password, made once per machine."""

import json

from dev.local import SIGNER
from teleprompt.signing.keystore import write_keystore


def ensure_signer() -> None:
    """Write `.local/signer/keystore.json` and its password unless they are there."""
    keystore, password_file = SIGNER / "keystore.json", SIGNER / "password"
    if not (keystore.exists() and password_file.exists()):
        keystore.unlink(missing_ok=True)
        password_file.unlink(missing_ok=True)
        write_keystore(keystore, password_file)


def signer_environment() -> dict[str, str]:
    """What tells processes without the key whose signatures count."""
    return {"TELEPROMPT_TRUSTED_SIGNERS": signer_address()}


def signer_address() -> str:
    """The EIP-55 address of the local signer."""
    from teleprompt.encoding.addresses import checksum_address

    return checksum_address("0x" + json.loads((SIGNER / "keystore.json").read_text())["address"])
