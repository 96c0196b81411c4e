"""One digest, whichever library makes it."""

import subprocess
import sys

from teleprompt.encoding.keccak import keccak_256

EMPTY = "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"
"""Keccak-256 of nothing, from the Ethereum yellow paper."""


def test_the_known_digest() -> None:
    assert keccak_256(b"").hex() == EMPTY


def test_without_the_fast_library_the_digest_is_the_same() -> None:
    code = (
        "import sys; sys.modules['sha3'] = None\n"
        "from teleprompt.encoding.keccak import keccak_256\nprint(keccak_256(b'').hex())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == EMPTY
