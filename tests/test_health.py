"""What `doctor` and the API say of the surroundings."""

from pathlib import Path

import pytest

from teleprompt.config.settings import LMConfig, Settings
from teleprompt.errors import ConfigurationError
from teleprompt.health import examine, examine_model, examine_node
from tests.loopback import Exchange, answering, serving


def test_a_place_that_nobody_named_is_said_to_be_the_default(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    named = examine(settings, ("mlflow", "storage"))
    assert [(finding.ok, "nobody set" in finding.detail) for finding in named] == [(True, False)] * 2
    monkeypatch.setenv("TELEPROMPT_PROJECT_DIR", str(tmp_path))
    (mlflow, storage) = examine(Settings(), ("mlflow", "storage"))
    assert "(nobody set TELEPROMPT_TRACKING_URI) answers" in mlflow.detail
    assert "(nobody set TELEPROMPT_STORAGE_URI) can be written" in storage.detail


def test_a_model_is_looked_for_and_asked_nothing() -> None:
    with serving(answering(Exchange)) as address:  # it would fail if it were asked
        here = examine_model("teleprompt_lm", lambda: LMConfig(model="openai/m", api_base=f"{address}/v1"))
    away = examine_model("teleprompt_lm", lambda: LMConfig(model="openai/m", api_base=f"{address}/v1"))
    assert (here.ok, away.ok, away.check) == (True, False, "model teleprompt_lm")
    assert "teleprompt_lm" in str(away.remedy)
    for model in (LMConfig(), LMConfig(model="openai/m")):
        assert examine_model("teleprompt_lm", lambda own=model: own).ok


def test_a_chain_without_a_node_is_a_finding() -> None:
    def nowhere():
        raise ConfigurationError("The connection teleprompt_web3 names no node; give it one.")

    finding = examine_node(10, nowhere)
    assert (finding.check, finding.ok) == ("chain 10", False)
    assert "names no node" in finding.detail
    assert "chain.conn_id" in str(finding.remedy)
