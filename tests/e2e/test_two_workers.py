from pathlib import Path

import pytest

from tests.e2e.backing_services import redis_binary
from tests.e2e.test_scheduler import report_of


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.skipif(redis_binary() is None, reason="no Redis: install redis-server")
def test_a_machine_lost_in_the_middle_of_a_compile_changes_nothing(tmp_path: Path) -> None:
    report = report_of("tests.e2e.two_workers", tmp_path)
    alone, together = report["alone"], report["together"]
    seed = str(report["seed"])

    # The other machine tried the task again, and the run ended as on one machine: same data, candidates and verdict.
    (other,) = {"worker-1", "worker-2"} - {report["lost"]}
    tasks = {(task, index): (state, host, tries) for task, index, state, host, tries in report["tasks"]}
    assert tasks["compile", (-3, -2, -1, 0).index(report["seed"])] == ("success", other, 2)
    assert report["state"] == "success"
    assert together["same"] == alone["same"]
    assert together["same"]["report"]["verdict"] == "promote"
    assert report["served"] == [together["attestation"]]

    # It took the answers that the lost machine had paid for from the storage, and asked for the rest.
    assert together["kept"][seed] == report["answers_left"] > 0
    assert together["calls"] == alone["calls"]
    paid_twice = report["requests"] - alone["requests"]
    assert 0 <= paid_twice < report["answers_left"]

    # A machine has nothing of its own but its configuration, logs and caches; and no process is left behind.
    assert {file.split("/")[0] for file in report["files"][other]} <= {"airflow", "cache", "logs", "matplotlib"}
    assert report["processes_left"] == []
