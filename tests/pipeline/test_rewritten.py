"""Who rewrote a program hears what that means before a model is asked."""

import logging
from pathlib import Path
from typing import Any

import pytest

from teleprompt.config.settings import Settings
from teleprompt.errors import ConfigurationError
from teleprompt.pipeline.pipeline import Pipeline
from teleprompt.queries.history import list_runs
from teleprompt.tracking.connection import mlflow_client
from tests.conftest import PromotedStore
from tests.lm.model_server import ModelServer, model_server
from tests.support import PROGRAM_CODE, WEEK, write_program


@pytest.fixture
def rewritten(promoted_store: PromotedStore, settings: Settings, tmp_path: Path) -> Any:
    """Begins a run of the promoted program with other code, up to its second stage; a server counts requests."""

    def begin(code: str, server: ModelServer, **optimization: Any) -> None:
        file = write_program(tmp_path / "programs", code=code)
        pipeline = Pipeline.of_file(
            file,
            settings=settings.model_copy(update={"lm": server.config()}),
            window=WEEK,
            overrides={"optimization": optimization},
        )
        pipeline.collect()
        pipeline.baseline()

    return begin


def test_new_words_are_told_of_and_the_run_keeps_the_note(
    rewritten: Any, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    words = PROGRAM_CODE.replace("Say which shelf", "Name the shelf that")
    with model_server() as server, caplog.at_level(logging.WARNING):
        rewritten(words, server)
        assert server.requests == 0
    note = (
        "What `self` tells the model changed since version 1.0.0 of Shelves was registered; the champion keeps its own "
        "text, and candidates begin with the new text. Raise `baseline_version` to make the program as written the "
        "champion."
    )
    assert note in caplog.messages
    with mlflow_client(settings.tracking_uri) as client:
        assert [run.rewritten for run in list_runs(client, program="Shelves")] == [note, None]


def test_where_candidates_begin_with_the_champion_new_words_reach_nobody(
    rewritten: Any, caplog: pytest.LogCaptureFixture
) -> None:
    words = PROGRAM_CODE.replace("Say which shelf", "Name the shelf that")
    with model_server() as server, caplog.at_level(logging.WARNING):
        rewritten(words, server, start_from="champion")
    assert any("keeps its own text, and candidates begin with that, too." in message for message in caplog.messages)


def test_other_fields_end_the_run_before_a_model_is_asked(rewritten: Any) -> None:
    fields = PROGRAM_CODE.replace("thing: str", "size: str | None = dspy.InputField(default=None)\n    thing: str")
    with model_server() as server:
        with pytest.raises(ConfigurationError, match=r"fields of `self` are Size, Thing, Shelf .*`baseline_version`"):
            rewritten(fields, server)
        assert server.requests == 0
