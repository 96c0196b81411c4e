import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import mlflow
import pytest

from teleprompt.errors import ConfigurationError
from teleprompt.tracking.connection import fluent_tracking, mlflow_client


def test_threads_that_need_the_fluent_api_take_turns() -> None:
    before = mlflow.get_tracking_uri(), os.environ.get("MLFLOW_TRACKING_URI")

    def finds_its_own(number: int) -> bool:
        uri = f"sqlite:///{number}.db"
        with fluent_tracking(uri):
            time.sleep(0.005)  # another thread may go on here
            return mlflow.get_tracking_uri() == uri

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(finds_its_own, range(12)))
    assert (mlflow.get_tracking_uri(), os.environ.get("MLFLOW_TRACKING_URI")) == before


def test_an_address_that_is_none_is_refused_in_one_sentence() -> None:
    with (
        pytest.raises(ConfigurationError, match=r"foo://bar is no address that MLflow knows; correct"),
        mlflow_client("foo://bar") as client,
    ):
        client.search_experiments()


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "m.db").write_bytes(b"not a database" * 100)
    with (
        pytest.raises(ConfigurationError, match=r"m\.db is no SQLite database"),
        mlflow_client(f"sqlite:///{tmp_path}/m.db") as client,
    ):
        client.search_experiments()
