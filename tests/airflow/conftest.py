"""An Airflow database for the tests that need one, made once per test process."""

import pytest


@pytest.fixture(scope="session")
def airflow_db() -> None:
    from airflow.utils.db import initdb

    initdb()
