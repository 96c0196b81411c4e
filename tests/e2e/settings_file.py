"""The `airflow_settings.yaml` of a test's own Airflow; as JSON, which is YAML too."""

import json
from pathlib import Path
from typing import Any

from teleprompt.config.settings import Settings


def write_settings_file(file: Path, settings: Settings, *more_connections: dict[str, Any], slots: int) -> None:
    """MLflow and the storage of `settings`, a pool of so many slots, and further connections."""
    extras = {
        "mlflow_default": {"tracking_uri": settings.tracking_uri.get_secret_value()},
        "teleprompt_storage": {"uri": settings.storage_uri},
    }
    connections = [{"conn_id": name, "conn_type": "generic", "conn_extra": extra} for name, extra in extras.items()]
    pools = [{"pool_name": "teleprompt", "pool_slot": slots, "pool_description": "test"}]
    variables = [{"variable_name": "loaded", "variable_value": "yes"}]
    content = {"connections": [*connections, *more_connections], "pools": pools, "variables": variables}
    file.write_text(json.dumps({"airflow": content}))
