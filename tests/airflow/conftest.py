"""Connections as Airflow gives them to a task."""

from pathlib import Path

import pytest
from airflow.sdk import BaseHook, Connection
from airflow.sdk.exceptions import AirflowNotFoundException

from teleprompt.config.settings import Settings
from tests.support import write_program


@pytest.fixture
def airflow(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Connection]:
    """Connections as Airflow would give them, and a folder with the program `shelves`."""
    write_program(tmp_path / "programs")
    monkeypatch.setenv("TELEPROMPT_PROGRAMS_DIR", str(tmp_path / "programs"))
    connections = {
        "mlflow_default": Connection(
            conn_id="mlflow_default",
            conn_type="generic",
            extra=f'{{"tracking_uri": "{settings.tracking_uri.get_secret_value()}"}}',
        ),
        "teleprompt_storage": Connection(
            conn_id="teleprompt_storage", conn_type="generic", extra=f'{{"uri": "{settings.storage_uri}"}}'
        ),
    }

    def get(conn_id: str) -> Connection:
        if conn_id not in connections:
            raise AirflowNotFoundException(conn_id)
        return connections[conn_id]

    async def aget(conn_id: str) -> Connection:
        return get(conn_id)

    monkeypatch.setattr(BaseHook, "get_connection", staticmethod(get))
    monkeypatch.setattr(BaseHook, "aget_connection", staticmethod(aget))
    return connections
