"""A tracking server of MLflow's over a store."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.loopback import free_port
from tests.waiting import wait_until


@contextmanager
def serving(uri: str, folder: Path) -> Iterator[str]:
    """The address of a server over the store `uri`, while it runs."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", uri]
    command += ["--port", str(port), "--workers", "1"]
    environment = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}  # seven processes that nobody asks
    with (
        (folder / "server.log").open("w") as log,
        subprocess.Popen(command, env=environment, stdout=log, stderr=log) as server,
    ):
        try:
            wait_until(lambda: _answers(address), "MLflow answers", seconds=120)
            yield address
        finally:
            server.terminate()


def _answers(address: str) -> bool:
    import requests

    try:
        return requests.get(f"{address}/health", timeout=5).ok
    except requests.RequestException:
        return False
