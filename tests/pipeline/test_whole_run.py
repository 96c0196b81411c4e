"""A run outside of Airflow: candidates side by side, and what fails for a moment or for good."""

import threading
from pathlib import Path

import pytest

from teleprompt.config.settings import Settings
from teleprompt.errors import TelepromptError, TrackingUnavailableError
from teleprompt.optimize._child import compile_in_child
from teleprompt.optimize._job import CompileJob
from teleprompt.optimize.candidate import Candidate
from teleprompt.pipeline import whole_run
from teleprompt.pipeline.pipeline import Pipeline
from teleprompt.pipeline.whole_run import patiently, run_all_stages, select_candidate
from teleprompt.queries.history import list_runs
from teleprompt.tracking.connection import mlflow_client
from tests.support import WEEK, log_shelf_calls, write_program

THREE = {"strategy": "bootstrap_fewshot_random", "num_candidates": 1, "min_traces": 20}
"""Seeds -3 to 0."""


def pipeline(settings: Settings, folder: Path, **optimization: object) -> Pipeline:
    file = write_program(folder)
    return Pipeline.of_file(file, settings=settings, window=WEEK, overrides={"optimization": {**THREE, **optimization}})


def failing(monkeypatch: pytest.MonkeyPatch, *seeds: int) -> None:
    def child(job: CompileJob, **more: object) -> Candidate:
        if job.seed in seeds:
            raise TelepromptError(f"The optimizer broke at seed {job.seed}; correct it.")
        return compile_in_child(job, **more)

    monkeypatch.setattr("teleprompt.optimize.optimization.compile_in_child", child)


def test_a_candidate_that_fails_is_one_candidate(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log_shelf_calls(settings, count=160)
    failing(monkeypatch, -2)
    together = threading.Barrier(2, timeout=60)
    run = pipeline(settings.model_copy(update={"parallel_candidates": 2}), tmp_path / "programs")
    seeds: list[str] = []

    def on_stage(name: str, _of: int) -> None:
        if name.startswith("compile"):
            seeds.append(name)
            if len(seeds) <= 2:
                together.wait()  # would break if they were compiled one after the other

    outcome = run_all_stages(run, on_stage=on_stage)
    assert outcome.version is not None
    compared = run.comparing.compared()
    assert compared is not None
    scores = {score.seed: score for score in compared.selection.scores}
    assert sorted(scores) == [-3, -2, -1, 0]
    assert scores[-2].invalid == "The optimizer broke at seed -2; correct it."


def test_too_many_that_fail_fail_the_run_and_are_named(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log_shelf_calls(settings, count=60)
    run = pipeline(settings, tmp_path / "programs", max_failed_candidates=0.3)
    with monkeypatch.context() as broken:
        failing(broken, -2, 0)
        with pytest.raises(TelepromptError, match=r"2 of 4 candidates failed .* of 0.3 .*\(seed -2: .*; seed 0: "):
            select_candidate(run)
    scores = select_candidate(run).selection.scores  # a failure is nothing that is kept
    assert [score.invalid for score in scores] == [None] * 4


def test_the_time_limit_is_that_of_all_candidates_together(settings: Settings, tmp_path: Path) -> None:
    log_shelf_calls(settings, count=60)
    run = pipeline(settings, tmp_path / "programs")
    snapshot, baseline = run.collect(), run.baseline()
    assert run.compile(snapshot, baseline, seed=-3).state is not None
    with mlflow_client(settings.tracking_uri) as client:
        (summary,) = list_runs(client)
        client.set_tag(summary.run_id, "teleprompt.clock.first_compile", "2020-01-01T00:00:00+00:00")
    later = run.compile(snapshot, baseline, seed=-2)
    assert (later.state, later.cut_short) == (None, "Optimization timed out after 7200 seconds")


def test_a_candidate_may_have_a_limit_of_its_own(settings: Settings, tmp_path: Path) -> None:
    log_shelf_calls(settings, count=60)
    run = pipeline(settings, tmp_path / "programs", candidate_timeout_seconds=0.001)
    candidate = run.compile(run.collect(), run.baseline(), seed=-1)
    assert candidate.cut_short == "Optimization timed out after 0.001 seconds"


def test_what_does_not_answer_for_a_moment_is_asked_again(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(whole_run, "FIRST_WAIT", 0.0)
    answers = iter([TrackingUnavailableError("http://mlflow", ConnectionError("gone"))] * 2)

    def stage() -> str:
        for error in answers:
            raise error
        return "done"

    run = pipeline(settings, tmp_path / "programs")
    assert patiently(run, stage) == "done"
    assert "tried again in 0 seconds (2 of 2)" in caplog.text


def test_an_outage_that_lasts_ends_the_run(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whole_run, "FIRST_WAIT", 0.0)
    tries: list[int] = []

    def stage() -> None:
        tries.append(1)
        raise TrackingUnavailableError("http://mlflow", ConnectionError("gone"))

    run = pipeline(settings.model_copy(update={"stage_retries": 3}), tmp_path / "programs")
    with pytest.raises(TrackingUnavailableError):
        patiently(run, stage)
    assert len(tries) == 4
