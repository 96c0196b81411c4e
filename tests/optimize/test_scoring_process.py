"""Selecting and comparing in a process of their own: killed anywhere, they go on where they were."""

import signal
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from teleprompt.config.settings import Settings
from teleprompt.errors import ProgramInterruptedError, ProgramTimeoutError
from teleprompt.gate._rehearsal import CALLS
from teleprompt.pipeline.pipeline import Pipeline
from tests.lm.model_server import ModelServer, model_server
from tests.optimize.test_child import until, workers
from tests.support import PROGRAM_CODE, WEEK, log_shelf_calls, write_program


def interrupted(stage: Callable[[], object], server: ModelServer, *, after: int) -> None:
    """Do the stage, and kill -9 its process once the server has seen so many more requests."""
    seen = server.requests

    def kill() -> None:
        until(lambda: server.requests >= seen + after)
        for worker in workers():
            worker.send_signal(signal.SIGKILL)

    thread = threading.Thread(target=kill)
    thread.start()
    with pytest.raises(ProgramInterruptedError, match=r"ended early \(SIGKILL\); every answer until then is kept"):
        stage()
    thread.join()


@pytest.mark.slow
def test_what_is_scored_before_a_kill_is_asked_for_once(settings: Settings, tmp_path: Path) -> None:
    log_shelf_calls(settings, count=160)
    with model_server(seconds=0.05) as server:
        pipeline = Pipeline.of_file(
            write_program(tmp_path / "programs"),
            settings=settings.model_copy(update={"lm": server.config()}),
            window=WEEK,
        )
        snapshot, baseline = pipeline.collect(), pipeline.baseline()
        assert server.requests == 1  # the version was loaded and called once
        candidates = [pipeline.compile(snapshot, baseline, seed=0)]
        before = server.requests
        interrupted(lambda: pipeline.select(snapshot, candidates), server, after=4)
        selection = pipeline.select(snapshot, candidates)
        under_way = 1
        assert selection.n_select <= server.requests - before <= selection.n_select + under_way
        before = server.requests
        interrupted(lambda: pipeline.comparing.gate(snapshot, selection, baseline), server, after=6)
        comparison = pipeline.comparing.gate(snapshot, selection, baseline)
        tried = CALLS  # the champion on select examples; of the candidate the race knows them
        asked = 2 * comparison.report.n + tried
        assert asked <= server.requests - before <= asked + under_way
        assert comparison.look.number == 1
    assert not workers()


@pytest.mark.slow
def test_a_program_that_never_answers_ends_the_comparison_and_slow_ones_do_not(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It learns to loop after it was selected: as one that loops on some input only does."""
    monkeypatch.setenv("TELEPROMPT_PROGRAM_PROCESS__ENVIRONMENT", '["LOOP_FILE"]')
    loops = tmp_path / "loops"
    monkeypatch.setenv("LOOP_FILE", str(loops))
    metric = (
        "\nimport os, time\n\ndef metric(example, prediction, trace=None):\n"
        "    while os.path.exists(os.environ['LOOP_FILE']): time.sleep(0.1)\n"
        "    return float(example.shelf == prediction.shelf)\n"
    )
    yaml = 'name: Shelves\noptimization: {min_traces: 20, timeout_seconds: 30}\ngate: {metric: "shelves:metric"}\n'
    file = write_program(tmp_path / "programs", yaml=yaml, code=PROGRAM_CODE + metric)
    process = Settings().program_process.model_copy(update={"start_seconds": 30.0})
    own = settings.model_copy(update={"programs_dir": file.parent, "program_process": process})
    log_shelf_calls(settings, count=60)
    pipeline = Pipeline.of_file(file, settings=own, window=WEEK)
    snapshot, baseline = pipeline.collect(), pipeline.baseline()
    selection = pipeline.select(snapshot, [pipeline.compile(snapshot, baseline, seed=0)])
    loops.touch()
    quick = own.model_copy(update={"program_process": process.model_copy(update={"start_seconds": 14.0})})
    hasty = Pipeline.of_file(file, settings=quick, window=WEEK, overrides={"optimization": {"timeout_seconds": 1}})
    with pytest.raises(ProgramTimeoutError, match="Trying both programs was ended after 15 seconds"):
        hasty.comparing.gate(snapshot, selection, baseline)
    loops.unlink()
    assert pipeline.comparing.gate(snapshot, selection, baseline).report.n > 0
