"""MLflow's fluent API, turned to the test's own store."""

import pytest

from teleprompt.config.settings import Settings


@pytest.fixture
def fluent(settings: Settings, monkeypatch: pytest.MonkeyPatch):
    import mlflow

    monkeypatch.setenv("MLFLOW_ENABLE_ASYNC_TRACE_LOGGING", "false")
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(settings.tracking_uri.get_secret_value())
    yield
    mlflow.set_tracking_uri(before)
