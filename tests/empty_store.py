"""A migrated, empty MLflow database. All processes of the tests share one, for the migrations take a second of CPU."""

import fcntl
import os
from functools import cache
from importlib.metadata import version
from pathlib import Path

from teleprompt.tracking.connection import mlflow_client
from tests import REPOSITORY


@cache
def empty_store() -> Path:
    """The database, made once per version of MLflow; not to be written to."""
    folder = REPOSITORY / ".local/empty-mlflow" / version("mlflow-skinny")
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "mlflow.db"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the tests run in several processes
        if not file.exists():
            begun = folder / f"{os.getpid()}.db"
            with mlflow_client(f"sqlite:///{begun}") as client:
                client.search_experiments(max_results=1)
            begun.replace(file)
    return file
