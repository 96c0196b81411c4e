"""What `doctor` and the API say of the surroundings."""

from pathlib import Path

import pytest

from include.teleprompt.config.settings import Settings
from include.teleprompt.errors import ConfigurationError
from include.teleprompt.health import examine, examine_node


def test_a_place_that_nobody_named_is_said_to_be_the_default(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    named = examine(settings, ("mlflow", "storage"))
    assert [(finding.ok, "nobody set" in finding.detail) for finding in named] == [(True, False)] * 2
    monkeypatch.setattr("include.teleprompt.config.settings.PROJECT_ROOT", tmp_path)
    (mlflow, storage) = examine(Settings(), ("mlflow", "storage"))
    assert "(nobody set TELEPROMPT_TRACKING_URI) answers" in mlflow.detail
    assert "(nobody set TELEPROMPT_STORAGE_URI) can be written" in storage.detail


def test_a_chain_without_a_node_is_a_finding() -> None:
    def nowhere():
        raise ConfigurationError("The connection teleprompt_web3 names no node; give it one.")

    finding = examine_node(10, nowhere)
    assert (finding.check, finding.ok) == ("chain 10", False)
    assert "names no node" in finding.detail
    assert "chain.conn_id" in str(finding.remedy)
