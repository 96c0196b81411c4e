"""A compile in a process group of its own: killed anywhere, it goes on where it was."""

import os
import signal
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path

import cloudpickle
import psutil
import pytest

from teleprompt.config.budget import BudgetConfig
from teleprompt.config.optimization import OptimizationConfig
from teleprompt.config.program_process import ProgramProcessConfig
from teleprompt.errors import ProgramInterruptedError
from teleprompt.optimize._child import compile_in_child
from teleprompt.optimize._job import CompileJob
from teleprompt.storage.blobs import get_blob
from tests.lm.model_server import KEY, ModelServer, model_server
from tests.optimize.bench import Bench
from tests.waiting import wait_until

RANDOM = OptimizationConfig(strategy="bootstrap_fewshot_random", options={"max_bootstrapped_demos": 12})
COPRO = OptimizationConfig(strategy="copro", optimization_rounds=2, options={"breadth": 3, "max_examples": 8})


def workers() -> list[psutil.Process]:
    mine = psutil.Process().children(recursive=True)
    return [p for p in mine if p.status() != psutil.STATUS_ZOMBIE and "program.worker" in " ".join(p.cmdline())]


until = partial(wait_until, what="the child", seconds=60, pause=0.01)


def killed_after(requests: int, job: CompileJob, server: ModelServer) -> None:
    """Compile, and kill -9 the process once the server has seen so many requests."""
    seen = server.requests

    def kill() -> None:
        until(lambda: server.requests >= seen + requests)
        for worker in workers():
            worker.send_signal(signal.SIGKILL)

    thread = threading.Thread(target=kill)
    thread.start()
    with pytest.raises(ProgramInterruptedError, match="every answer until then is kept"):
        compile_in_child(job)
    thread.join()


def test_it_gives_what_compiling_here_gives(bench: Bench) -> None:
    here = bench.compile(0, RANDOM)
    there = compile_in_child(bench.job(RANDOM))
    assert there.state == here.state
    assert there.spend == here.spend
    assert not workers()


@pytest.mark.slow
@pytest.mark.parametrize("config", [RANDOM, COPRO], ids=["random", "copro"])
def test_kill_9_and_again_pays_for_nothing_twice_and_ends_the_same(
    bench: Bench, config: OptimizationConfig, tmp_path: Path
) -> None:
    with model_server(seconds=0.02) as server:
        whole = compile_in_child(bench.job(config, lm=server.config(), storage_uri=str(tmp_path / "whole")))
        paid = server.requests
        assert paid == whole.spend.calls
        job = bench.job(config, lm=server.config(), storage_uri=str(tmp_path / "killed"))
        for requests in (paid // 4, paid // 4):
            killed_after(requests, job, server)
        again = compile_in_child(job)
        under_way = 2  # a request that is on its way at each kill is paid and lost
        assert paid <= server.requests - paid <= paid + under_way
    assert again.state.digest == whole.state.digest
    assert again.spend.kept >= paid // 2 - under_way
    kept = b"".join(file.read_bytes() for file in (tmp_path / "killed").rglob("*") if file.is_file())
    assert KEY.encode() not in kept
    assert b"marked" not in kept


def test_other_data_starts_afresh_and_says_so(bench: Bench, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    first = bench.job(COPRO, storage_uri=str(tmp_path))
    compile_in_child(first)
    with caplog.at_level("INFO", "teleprompt"):
        again = compile_in_child(bench.job(COPRO, storage_uri=str(tmp_path), fingerprint="1" * 64))
    assert "starts afresh" in caplog.text
    assert again.spend.kept == 0


@pytest.mark.slow
def test_when_the_parent_is_killed_the_compile_ends_too_and_calls_nobody(bench: Bench, tmp_path: Path) -> None:
    with model_server(seconds=0.02) as server:
        job = bench.job(COPRO, lm=server.config(), storage_uri=str(tmp_path))
        file = tmp_path / "job"
        file.write_bytes(cloudpickle.dumps(job))
        code = (
            "import pickle, sys; from teleprompt.optimize._child import compile_in_child\n"
            "compile_in_child(pickle.load(open(sys.argv[1], 'rb')))"
        )
        path = os.pathsep.join(sys.path)
        parent = subprocess.Popen([sys.executable, "-c", code, str(file)], env={**os.environ, "PYTHONPATH": path})
        until(lambda: server.requests > 3)
        children = psutil.Process(parent.pid).children(recursive=True)
        parent.kill()
        parent.wait()
        _, alive = psutil.wait_procs(children, timeout=5)
        assert not alive
        seen = server.requests
        time.sleep(0.5)
        assert server.requests == seen


@pytest.mark.slow
def test_an_interrupt_ends_the_whole_group(bench: Bench, tmp_path: Path) -> None:
    def interrupt(_progress: object) -> None:
        raise KeyboardInterrupt

    with model_server(seconds=0.05) as server:
        job = bench.job(COPRO, lm=server.config(), storage_uri=str(tmp_path))
        with pytest.raises(KeyboardInterrupt):
            compile_in_child(job, on_progress=interrupt)
        assert not workers()
        seen = server.requests
        time.sleep(0.3)
        assert server.requests == seen


@pytest.mark.slow
def test_a_request_that_hangs_past_the_time_limit_is_ended_with_its_process_and_the_best_is_kept(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = COPRO.model_copy(update={"timeout_seconds": 4.0})
    quick = ProgramProcessConfig(start_seconds=8)
    with model_server() as server:
        server.delay = lambda n: 60 if n >= 20 else 0
        job = bench.job(
            config, lm=server.config(timeout_seconds=600, num_retries=0), storage_uri=str(tmp_path), process=quick
        )
        monkeypatch.setattr("teleprompt.optimize._child.request_seconds", lambda _job: 2.0)
        candidate = compile_in_child(job)
    assert candidate.cut_short == "Optimization timed out after 4 seconds"
    assert candidate.state is not None
    assert not workers()


@pytest.mark.slow
def test_limits_and_hostile_answers_end_in_a_program_or_a_clear_error_and_the_ledger_is_the_servers(
    bench: Bench, tmp_path: Path
) -> None:
    cycle = ["429", None, "500", None, "hang", None, "unreadable", None, "not json", None, "no choices", None]
    with model_server(lambda n: cycle[n % len(cycle)]) as server:
        config = RANDOM.model_copy(update={"max_error_rate": 0.5})
        candidate = compile_in_child(
            bench.job(config, lm=server.config(num_retries=4), storage_uri=str(tmp_path / "hostile"))
        )
        assert candidate.spend.calls == server.requests
        refused = ("429", "500", "hang", "not json")
        assert sum(candidate.spend.failures.values()) == sum(server.faults[fault] for fault in refused)
    good = bench.compile(0, RANDOM)
    assert len(get_blob(candidate.state)) > 0.5 * len(get_blob(good.state))


def test_the_budget_holds_over_tries(bench: Bench, tmp_path: Path) -> None:
    config = COPRO.model_copy(update={"budget": BudgetConfig(max_calls=20)})
    with model_server(seconds=0.02) as server:
        job = bench.job(config, lm=server.config(), storage_uri=str(tmp_path))
        killed_after(8, job, server)
        candidate = compile_in_child(job)
        assert candidate.cut_short == "The budget of 20 calls was reached"
        assert candidate.spend.calls == 20
        assert server.requests <= 21
