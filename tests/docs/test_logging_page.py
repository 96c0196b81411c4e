"""Each way to log a call that the page on logging shows gives one usable trace."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal

import dspy
import mlflow
import pytest

from teleprompt.config.settings import LMConfig, Settings
from teleprompt.lm.build import build_lm
from teleprompt.tracking.connection import fluent_tracking
from tests.conftest import PromotedStore
from tests.serving.test_logged_program import logged_calls, served
from tests.support import fenced_blocks

__all__ = ["served"]

LOADED, PRELUDE, *WAYS, FEEDBACK = fenced_blocks("docs/logging.md", "python")


class Sort(dspy.Signature):
    thing: str = dspy.InputField()
    shelf: Literal["left", "right"] = dspy.OutputField()


def names() -> dict[str, Any]:
    return {
        "program": dspy.Predict(Sort), "dspy": dspy, "asyncio": asyncio, "lm": build_lm(LMConfig()),
        "ThreadPoolExecutor": ThreadPoolExecutor,
    }  # fmt: skip


def test_a_loaded_program_logs_itself(served: Settings) -> None:
    exec(LOADED, names())
    (row,) = logged_calls(served)
    assert (row["inputs"], row["contributor_id"], row["group"]) == ([("thing", "metal lamp")], "alice", "customer 17")
    assert [(outcome["name"], outcome["value"]) for outcome in row["outcomes"]] == [("outcome_score", 0.8)]


@pytest.fixture
def tracking(promoted_store: PromotedStore) -> Iterator[Settings]:
    with fluent_tracking(promoted_store.settings.tracking_uri.get_secret_value()):
        mlflow.set_experiment("by hand")
        yield promoted_store.settings
        mlflow.dspy.autolog(disable=True)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.split("\n")[0])
def test_each_way_beside_autologging_is_usable(tracking: Settings, way: str) -> None:
    own = names()
    exec(PRELUDE, own)
    with dspy.context(lm=own["lm"]):
        exec(way, own)
    mlflow.flush_trace_async_logging()
    for trace in mlflow.search_traces(return_type="list"):
        mlflow.log_feedback(trace_id=trace.info.trace_id, name="outcome_score", value=0.8)
    (row,) = logged_calls(tracking)
    assert (row["inputs"], row["contributor_id"], row["group"]) == ([("thing", "metal lamp")], "alice", "customer 17")
    assert dict(row["outputs"])["shelf"] in {"left", "right"}


def test_feedback_that_comes_at_once_waits_for_the_traces(tracking: Settings) -> None:
    own = names()
    exec(PRELUDE, own)
    exec(FEEDBACK, own)
    answered = {}
    with dspy.context(lm=own["lm"]):
        for right in (True, False):
            with mlflow.tracing.context(tags=own["tags"]):
                own["program"](thing=f"metal lamp, {right}")
            answered[mlflow.get_last_active_trace_id()] = right
    own["outcomes"](answered)
    given = [(row["outcomes"][0]["name"], row["outcomes"][0]["value"]) for row in logged_calls(tracking)]
    assert sorted(given) == [("agent_agreed", 0.0), ("agent_agreed", 1.0)]


def test_it_shows_as_many_ways_as_it_says() -> None:
    assert len(WAYS) == 7
