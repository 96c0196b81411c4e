"""A trace whose spans lie in a file beside the database."""

import json
from pathlib import Path
from urllib.parse import urlparse
from urllib.request import url2pathname

import mlflow
import sqlalchemy


def move_spans_to_a_file(trace_id: str, connection: sqlalchemy.Connection) -> None:
    """Write them there, and say so in the database, which MLflow's API does not allow."""
    trace = mlflow.get_trace(trace_id)
    assert trace is not None
    folder = Path(url2pathname(urlparse(trace.info.tags["mlflow.artifactLocation"]).path))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "traces.json").write_text(json.dumps(trace.data.to_dict()))
    for statement in (
        "DELETE FROM spans WHERE trace_id = :id",
        "UPDATE trace_tags SET value = 'ARTIFACT_REPO' WHERE key = 'mlflow.trace.spansLocation' AND request_id = :id",
    ):
        connection.execute(sqlalchemy.text(statement), {"id": trace_id})
