"""A challenger that is asked beside the champion: nobody is shown its answer, and nobody waits for it."""

import json
import threading
import time
from typing import Any

import dspy
import pytest

from teleprompt.config.settings import Settings
from teleprompt.registry.aliases import CHALLENGER, SHARE
from teleprompt.serving import logged_program, shadow
from teleprompt.serving.call_log import flush_calls, log_outcome
from teleprompt.serving.choose import choose_version, forget_versions
from teleprompt.serving.load import load_program
from teleprompt.serving.logged_program import trace_id_of
from teleprompt.serving.shadow import MOST_AT_ONCE, Shadows
from teleprompt.traces.shadow_answer import SHADOW, ShadowAnswer
from teleprompt.tracking.connection import mlflow_client
from tests.serving.test_logged_program import logged_calls, served

__all__ = ["served"]


@pytest.fixture
def shadowed(served: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Version 1 is challenger, in the shadow."""
    with mlflow_client(served.tracking_uri) as client:
        client.set_model_version_tag("Shelves", "1", SHARE, "0.0")
        client.set_registered_model_alias("Shelves", CHALLENGER, "1")
    monkeypatch.setattr(logged_program, "shadows", Shadows())
    forget_versions()
    return served


class Odd(dspy.Module):
    """A challenger with habits."""

    def __init__(self, habit: Any) -> None:
        super().__init__()
        self.habit = habit

    def forward(self, thing: str) -> Any:
        return self.habit(thing)


def asked(habit: Any, shadows: Shadows | None = None) -> tuple[threading.Event, list[ShadowAnswer]]:
    told: list[ShadowAnswer] = []
    done = threading.Event()

    def tell(answer: ShadowAnswer) -> None:
        told.append(answer)
        done.set()

    given: tuple[tuple[Any, ...], dict[str, Any]] = ((), {"thing": "lamp"})
    (shadows or Shadows()).ask(Odd(habit), given, version="2", written=dict, tell=tell)
    return done, told


def test_the_champion_answers_and_the_challengers_answer_stands_beside_it(shadowed: Settings) -> None:
    assert {choose_version("Shelves", str(key)).alias for key in range(50)} == {"champion"}
    answer = load_program("Shelves", key="anna", contributor_id="alice")(thing="metal thing")
    log_outcome(trace_id_of(answer), outcome_score=1.0)
    for _ in range(100):
        (row,) = logged_calls(shadowed)
        found = [one for one in row["outcomes"] if one["name"] == SHADOW]
        if found:
            break
        time.sleep(0.05)
    text = found[0]["text"]
    kept = ShadowAnswer.from_stored(json.loads(text) if text.startswith('"') else text)
    assert (kept.version, kept.failure) == ("1.0.0", None)
    assert kept.outputs is not None
    assert kept.outputs["shelf"] in {"left", "right"}
    assert dict(row["outputs"])["shelf"] == answer.shelf == "right"  # that of the promoted version


def test_a_challenger_that_raises_is_counted_and_never_seen() -> None:
    done, told = asked(lambda _thing: 1 / 0)
    assert done.wait(10)
    assert (told[0].failure, told[0].outputs) == ("ZeroDivisionError", None)


def test_one_that_hangs_is_told_of_as_too_late_and_costs_its_place_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shadow, "SECONDS", 0.05)
    wait, shadows = threading.Event(), Shadows()
    began = time.perf_counter()
    hung = [asked(lambda _thing: wait.wait(60) and {}, shadows) for _ in range(MOST_AT_ONCE)]
    asked(lambda _thing: {}, shadows)
    assert time.perf_counter() - began < 5
    assert shadows.skipped == 1
    assert all(done.wait(10) for done, _ in hung)
    assert {told[0].failure for _, told in hung} == {"TimeoutError"}
    wait.set()
    for _ in range(200):
        done, told = asked(lambda _thing: {"shelf": "left"}, shadows)
        if done.wait(0.05):
            break
    assert told[0].outputs == {"shelf": "left"}
    assert all(len(told) == 1 for _, told in hung)  # what came later is not told again


def test_a_challenger_that_does_not_load_leaves_the_champion_alone(
    shadowed: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with mlflow_client(shadowed.tracking_uri) as client:
        client.set_model_version_tag("Shelves", "1", "state_digest", "0" * 64)
    monkeypatch.setattr("teleprompt.serving.load._kept", _broken_for(1, monkeypatch))
    answer = load_program("Shelves", key="anna")(thing="metal thing")
    assert answer.shelf == "right"
    assert flush_calls(30)
    assert "cannot be asked beside the champion" in caplog.text


def _broken_for(number: int, monkeypatch: pytest.MonkeyPatch) -> Any:
    del monkeypatch
    from teleprompt.serving import load

    whole = load._kept

    def kept(uri: Any, name: str, wanted: int) -> Any:
        if wanted == number:
            raise OSError("the state is gone")
        return whole(uri, name, wanted)

    return kept
