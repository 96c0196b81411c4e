"""Making a key that signs."""

import json
import secrets
from pathlib import Path

from teleprompt.errors import ConfigurationError


def write_keystore(keystore: Path, password_file: Path) -> str:
    """Make a key, and write it as Web3 Secret Storage, with its password in a file of its own; returns its address.

    Nobody else on the machine can read the files.

    Raises:
        ConfigurationError: one of the files is there already.
    """
    from eth_account import Account

    for file in (keystore, password_file):
        if file.exists():
            raise ConfigurationError(f"{file} is there already, and may hold a key that is needed; name another file.")
    account, password = Account.create(), secrets.token_urlsafe(24)
    for file, text in ((password_file, password), (keystore, json.dumps(Account.encrypt(account.key, password)))):
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        file.touch(mode=0o600)
        file.write_text(text, encoding="utf-8")
    return str(account.address)
