"""`teleprompt audit`."""

import json
from collections.abc import Callable
from pathlib import Path

from teleprompt.config.settings import Settings
from teleprompt.registry.audit_trail import AuditAction, AuditEvent, append
from teleprompt.tracking.connection import mlflow_client
from tests.cli.conftest import Result


def test_the_trail_is_listed_exported_and_verified(
    call: Callable[..., Result], settings: Settings, tmp_path: Path
) -> None:
    assert call("audit", "list", "shelves").out == "Nobody did anything to Shelves yet.\n"
    with mlflow_client(settings.tracking_uri) as client:
        for about in ("1", "2"):
            append(client, "Shelves", AuditEvent(deed=AuditAction.RUN, who="ann", about=about, after={"window": "w"}))
        exported = call("audit", "list", "shelves", "--json").json
        assert [(entry["number"], entry["who"]) for entry in exported] == [(1, "ann"), (2, "ann")]
        assert "window: w" in call("audit", "list", "shelves").out
        assert call("audit", "verify", "shelves").out == "2 entries, none is missing or changed.\n"
        export = tmp_path / "trail.json"
        export.write_text(json.dumps(exported))
        assert call("audit", "verify", "shelves", "--against", str(export)).status == 0
        experiment = client.get_experiment_by_name("teleprompt/Shelves/audit").experiment_id
        (newest, *_) = client.search_runs([experiment], order_by=["attributes.start_time DESC"])
        client.delete_run(newest.info.run_id)
    broken = call("audit", "verify", "shelves", "--json")
    assert (broken.status, broken.json["whole"], broken.json["entries"]) == (1, False, 1)
    compared = call("audit", "verify", "shelves", "--against", str(export))
    assert (compared.status, "entry 2 of the export is missing now" in compared.out) == (1, True)
    export.write_text("[1]")
    assert "is no export of a trail" in call("audit", "verify", "shelves", "--against", str(export)).err
