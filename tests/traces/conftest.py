"""MLflow's fluent API, turned to the test's own store."""

import pytest

from teleprompt.config.settings import Settings
from teleprompt.tracking.connection import fluent_tracking


@pytest.fixture
def fluent(settings: Settings, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MLFLOW_ENABLE_ASYNC_TRACE_LOGGING", "false")
    with fluent_tracking(settings.tracking_uri.get_secret_value()):
        yield
