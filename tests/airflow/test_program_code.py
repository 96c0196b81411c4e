"""A program's code runs in no process of Airflow's: a witness program writes down where it runs and what it sees."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import Connection
from airflow.sdk.exceptions import AirflowFailException

from teleprompt.config.settings import Settings
from teleprompt_airflow.operators import (
    AttestOperator,
    CollectOperator,
    CompileOperator,
    PowerOperator,
    RegisterOperator,
)
from teleprompt_airflow.operators.baseline import BaselineOperator
from tests.airflow.test_tasks import context, stages_up_to_the_gate, waited
from tests.support import PROGRAM_CODE, local_signer, log_shelf_calls, write_program

WITNESS = """
import json, os

def _testify(where):
    environment = open("/proc/self/environ").read() + str(dict(os.environ))
    seen = {"where": where, "pid": os.getpid(), "environment": environment}
    with open({file!r}, "a") as file:
        file.write(json.dumps(seen) + "\\n")

_testify("import")

def metric(example, prediction, trace=None):
    _testify("metric")
    return float(example.shelf == prediction.shelf)
"""
METRIC = 'name: Shelves\noptimization: {min_traces: 20}\ngate: {metric: "shelves:metric"}\n'
SECRETS = (
    "AIRFLOW__API_AUTH__JWT_SECRET", "AIRFLOW__CORE__FERNET_KEY", "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN",
    "AIRFLOW_CONN_TELEPROMPT_PAYER", "AIRFLOW_CONN_TELEPROMPT_SIGNER", "MLFLOW_TRACKING_PASSWORD", "SOME_PASSWORD",
)  # fmt: skip


@pytest.mark.slow
def test_no_task_runs_program_code_itself_or_shows_it_a_secret(
    airflow: dict[str, Connection], settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in SECRETS:
        monkeypatch.setenv(name, "s3cret")
    testimony = tmp_path / "testimony"
    code = PROGRAM_CODE + WITNESS.replace("{file!r}", repr(str(testimony)))
    write_program(tmp_path / "programs", yaml=METRIC, code=code)
    signer = local_signer()
    airflow["teleprompt_signer"] = Connection(
        conn_id="teleprompt_signer",
        conn_type="generic",
        password="secret",
        extra=json.dumps({"keystore": signer.keystore}),
    )
    log_shelf_calls(settings, count=160)
    records = stages_up_to_the_gate()
    stage = {"program": "shelves", "waited": waited()}
    PowerOperator(task_id="power", snapshot=records["snapshot"], **stage).execute(context())
    version = RegisterOperator(task_id="register", **stage).execute(context())
    attested = AttestOperator(task_id="attest", version=version, **stage).execute(context())
    assert attested["attestation_id"]
    seen = [json.loads(line) for line in testimony.read_text().splitlines()]
    assert {witness["where"] for witness in seen} == {"import", "metric"}
    pids = {witness["pid"] for witness in seen}
    assert os.getpid() not in pids
    # Building, compiling, selecting, trying, comparing, and loading each of both versions: not one process an example.
    assert len(pids) == 7
    assert "s3cret" not in testimony.read_text()
    assert settings.tracking_uri.get_secret_value() not in testimony.read_text()


def test_a_program_that_ends_its_process_fails_the_first_task_with_a_sentence(
    airflow: dict[str, Connection], settings: Settings, tmp_path: Path
) -> None:
    del airflow
    write_program(tmp_path / "programs", code=f"{PROGRAM_CODE}\nimport sys\nsys.exit(3)\n")
    log_shelf_calls(settings, count=20)
    ready = waited()
    for operator in (CollectOperator, BaselineOperator):
        with pytest.raises(AirflowFailException, match=r"Building the program failed in shelves\.py \(SystemExit\)"):
            operator(task_id="x", program="shelves", waited=ready).execute(context())


def test_a_metric_that_ends_its_process_fails_the_task_that_calls_it(
    airflow: dict[str, Connection], settings: Settings, tmp_path: Path
) -> None:
    del airflow
    ending = "\nimport os\n\ndef metric(example, prediction, trace=None):\n    os._exit(5)\n"
    write_program(tmp_path / "programs", yaml=METRIC, code=PROGRAM_CODE + ending)
    log_shelf_calls(settings, count=60)
    stage: dict[str, Any] = {"program": "shelves", "waited": waited()}
    stage |= {"snapshot": CollectOperator(task_id="collect", **stage).execute(context())}
    baseline = BaselineOperator(task_id="b", program="shelves", waited=stage["waited"]).execute(context())
    with pytest.raises(
        AirflowFailException, match=r"Compiling seed 0 was ended by the program's own code \(exit code 5\)"
    ):
        CompileOperator(task_id="c", baseline=baseline, seed=0, **stage).execute(context())
