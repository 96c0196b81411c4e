"""Reaching MLflow, and saying plainly when it cannot be reached."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from include.teleprompt.errors import TrackingUnavailableError

_UNREACHABLE = ("Max retries exceeded", "Connection refused", "Failed to establish", "Read timed out",
                "unable to open database file", "Remote end closed", "could not connect")  # fmt: skip

# Airflow retries the task; MLflow's own seven retries of up to two minutes would only hide an outage.
_PATIENCE = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
}


@contextmanager
def mlflow_client(tracking_uri: str) -> Iterator[Any]:
    """An `MlflowClient` for one stage.

    Raises:
        TrackingUnavailableError: from inside the block, when MLflow does not answer.
    """
    for variable, value in _PATIENCE.items():
        os.environ.setdefault(variable, value)
    _make_sqlite_folder(tracking_uri)
    import mlflow
    import requests
    import sqlalchemy.exc

    try:
        yield mlflow.MlflowClient(tracking_uri=tracking_uri, registry_uri=tracking_uri)
    except (requests.ConnectionError, requests.Timeout, sqlalchemy.exc.OperationalError) as error:
        raise TrackingUnavailableError(tracking_uri, error) from error
    except mlflow.MlflowException as error:
        if any(sign in str(error) for sign in _UNREACHABLE):
            raise TrackingUnavailableError(tracking_uri, error) from error
        raise


def quoted(text: str) -> str:
    """`text` as a string literal of MLflow's filter language."""
    return "'" + text.replace("'", "''") + "'"


def artifact_root(tracking_uri: str) -> str | None:
    """Where experiments on a local SQLite store keep files: beside the database. None leaves it to a server.

    MLflow's own default is a folder below whatever directory the process was started in.
    """
    folder = _sqlite_folder(tracking_uri)
    return None if folder is None else (folder / "artifacts").as_uri()


def _make_sqlite_folder(tracking_uri: str) -> None:
    """SQLite makes its file but not the folder that the file lies in."""
    folder = _sqlite_folder(tracking_uri)
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)


def _sqlite_folder(tracking_uri: str) -> Path | None:
    prefix = "sqlite:///"
    path = tracking_uri.removeprefix(prefix)
    return Path(path).absolute().parent if tracking_uri.startswith(prefix) and path else None
