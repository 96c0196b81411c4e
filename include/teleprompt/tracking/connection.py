"""Reaching MLflow, and saying plainly when it cannot be reached."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from teleprompt.encoding.secret_uri import SecretUri, without_credentials
from teleprompt.errors import ConfigurationError, TrackingAddressError, TrackingUnavailableError

if TYPE_CHECKING:
    from mlflow import MlflowClient


_FLUENT = threading.RLock()

_UNREACHABLE = (
    "Max retries exceeded", "Connection refused", "Failed to establish", "Read timed out", "Remote end closed",
    "Connection aborted", "Connection reset", "Connection broken",
    "error code 502", "error code 503", "error code 504", "502 error", "503 error", "504 error",
    "server closed the connection", "terminating connection", "no connection to the server", "Lost connection to",
    "server has gone away", "the database system is", "unable to open database file", "database is locked",
    "could not connect", "connection to server",
)  # fmt: skip

SQLITE_MAGIC = b"SQLite format 3\0"
"""What such a database begins with (https://sqlite.org/fileformat.html)."""

_DEFAULTS = {
    # Airflow retries the task; MLflow's own seven retries of up to two minutes would only hide an outage.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",  # it would stand among the JSON of a command
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",  # on the standard error of whoever serves a program
}


@contextmanager
def mlflow_client(tracking_uri: SecretUri | str) -> "Iterator[MlflowClient]":
    """An `MlflowClient` for one stage. No error that leaves the block quotes the password of its URI.

    Raises:
        TrackingAddressError: the URI is that of a folder of files, or of nothing that MLflow knows.
        TrackingUnavailableError: from inside the block, when MLflow does not answer.
    """
    for variable, value in _DEFAULTS.items():
        os.environ.setdefault(variable, value)
    place = SecretUri(tracking_uri) if isinstance(tracking_uri, str) else tracking_uri
    uri = place.get_secret_value()
    if urlsplit(uri).scheme in {"", "file"}:
        raise TrackingAddressError(
            f"{uri} is a folder of files, which MLflow no longer develops and which holds no feedback; move "
            "it into a database with `mlflow migrate-filestore`, and name that, as in sqlite:////path/to/mlflow.db."
        )
    _prepare_sqlite(place)
    import mlflow
    import requests
    import sqlalchemy.exc
    from mlflow.tracking.registry import UnsupportedModelRegistryStoreURIException

    try:
        yield mlflow.MlflowClient(tracking_uri=uri, registry_uri=uri)
    except UnsupportedModelRegistryStoreURIException as error:
        place.hide_in_error(error)
        raise TrackingAddressError(
            f"{place} is no address that MLflow knows; correct MLFLOW_TRACKING_URI or the `mlflow_default` connection "
            "(http://…, postgresql://…, mysql://… or sqlite:////path/to/mlflow.db)."
        ) from error
    except (mlflow.MlflowException, requests.RequestException, sqlalchemy.exc.OperationalError) as error:
        is_away = _is_outage(error, uri)
        place.hide_in_error(error)
        if is_away:
            raise TrackingUnavailableError(place, error) from error
        raise
    except Exception as error:
        place.hide_in_error(error)
        raise


@contextmanager
def fluent_tracking(tracking_uri: str) -> Iterator[None]:
    """Point MLflow's process-wide API at `tracking_uri` for a moment, for what no `MlflowClient` can do.

    Threads take turns, as there is one such API.
    """
    import mlflow

    with _FLUENT:
        before, inherited = mlflow.get_tracking_uri(), os.environ.get("MLFLOW_TRACKING_URI")
        mlflow.set_tracking_uri(tracking_uri)
        try:
            yield
        finally:
            mlflow.set_tracking_uri(before)
            # MLflow also sets the variable, which settings that are read later would follow.
            os.environ.pop("MLFLOW_TRACKING_URI", None)
            if inherited is not None:
                os.environ["MLFLOW_TRACKING_URI"] = inherited


def is_outage(error: BaseException) -> bool:
    """Whether `error`, of a call to MLflow or its database, says that nobody answered."""
    if isinstance(error, TrackingUnavailableError):
        return True
    said = str(error).partition("Query was:")[0]  # a statement may hold anything
    return any(sign in said for sign in _UNREACHABLE)


def _is_outage(error: Exception, tracking_uri: str) -> bool:
    """Whether it is MLflow that does not answer, and not another server that the stage talked to."""
    host = (urlsplit(without_credentials(tracking_uri)).hostname or "") if tracking_uri.startswith("http") else ""
    return host in str(error) and is_outage(error)


def quoted(text: str) -> str:
    """`text` as a string literal of MLflow's filter language, which has two quotes but no way to escape one.

    Raises:
        ConfigurationError: `text` has both kinds of quotes, so MLflow cannot search for it.
    """
    for quote in ("'", '"'):
        if quote not in text:
            return f"{quote}{text}{quote}"
    raise ConfigurationError(f"MLflow cannot search for {text!r}, which has both kinds of quotes; rename it.")


def artifact_root(tracking_uri: str) -> str | None:
    """Where experiments on a local SQLite store keep files: beside the database. None leaves it to a server.

    MLflow's own default is a folder below whatever directory the process was started in.
    """
    file = _sqlite_file(tracking_uri)
    return None if file is None else (file.parent / "artifacts").as_uri()


def _prepare_sqlite(place: SecretUri) -> None:
    """SQLite makes its file but not the folder that the file lies in.

    Raises:
        TrackingAddressError: the file is something else; MLflow would try to open it for two minutes.
    """
    file = _sqlite_file(place.get_secret_value())
    if file is None:
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    if file.is_file() and file.stat().st_size:
        with file.open("rb") as opened:
            if opened.read(len(SQLITE_MAGIC)) != SQLITE_MAGIC:
                raise TrackingAddressError(f"{place} is no SQLite database; name another, or restore it from a backup.")


def _sqlite_file(tracking_uri: str) -> Path | None:
    prefix = "sqlite:///"
    path = tracking_uri.removeprefix(prefix)
    return Path(path).absolute() if tracking_uri.startswith(prefix) and path else None
