"""One program's run on two Celery workers, one of which is lost in the middle of a compile; prints what came of it.

Before that, the same window on one machine: `teleprompt run` with a folder as storage, over a copy of the same traffic.
The language model is a server that counts its requests, and that answers none while a machine is being lost.
"""

import json
import os
import secrets
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from operator import itemgetter
from typing import Any

import psutil
from cryptography.fernet import Fernet

from dev.airflow_api import ENDED, AirflowApi
from dev.airflow_stack import start_airflow, wait_for_dag
from dev.local import LOCAL, LOGS, airflow_environment, free_ports
from dev.processes import ProcessFamily, clean_environment, process_family
from dev.traffic.seed import last_weeks
from teleprompt.environment import configure_third_party
from teleprompt.window import Window, format_utc
from tests import REPOSITORY
from tests.e2e.backing_services import BUCKET, Postgres, postgres, start_mlflow, start_redis, start_s3
from tests.e2e.run_result import SEEDS, run_result
from tests.e2e.worker_machine import WorkerMachine
from tests.lm.model_server import ModelServer, model_server
from tests.waiting import wait_until

SLUG = "email_draft"
DAG = f"teleprompt_{SLUG}"
STORAGE = f"s3://{BUCKET}/storage"
LONG = (-1, 0)
"""Seeds whose compile asks the model a hundred times; the others ask it once, and the baseline's load does."""
ANSWERS_BEFORE_THE_LOSS = 24
STRATEGY = {
    "TELEPROMPT_PROGRAM__SCHEDULE": "none",
    "TELEPROMPT_PROGRAM__OPTIMIZATION__STRATEGY": "bootstrap_fewshot_random",
    "TELEPROMPT_PROGRAM__OPTIMIZATION__NUM_CANDIDATES": "1",
    "TELEPROMPT_PROGRAM__OPTIMIZATION__OPTIONS__MAX_BOOTSTRAPPED_DEMOS": "12",
}
SECONDS = 480


def main() -> None:
    configure_third_party()
    for name in [name for name in os.environ if name.startswith("TELEPROMPT_")]:
        if name != "TELEPROMPT_PROJECT_DIR":  # all machines have the same project
            del os.environ[name]  # what is set here is set for the machines, one by one
    os.environ.update(STRATEGY)
    window = last_weeks(1, now=datetime.now(UTC))[0]
    folder = LOCAL / "services"
    folder.mkdir(parents=True)
    with process_family(LOGS) as family, postgres() as database, model_server() as model:
        for name in ("airflow", "mlflow"):
            database.create(name)
        log_traffic(database)
        database.create("one_machine", template="mlflow")
        s3 = start_s3(family, folder)
        alone = one_machine(database, model, window)
        mlflow = start_mlflow(family, folder, store=database.uri("mlflow"), s3=s3)
        shared = {**STRATEGY, **s3, **celery(broker=start_redis(family, folder)), **connections(mlflow, model)}
        report = several_machines(family, shared, trusted(database), model, window)
        together = run_result(mlflow)
    left = [
        process.name()
        for process in psutil.Process().children(recursive=True)
        if process.status() != psutil.STATUS_ZOMBIE
    ]
    print(json.dumps({**report, "alone": alone, "together": together, "processes_left": left}))


def log_traffic(database: Postgres) -> None:
    env = {**clean_environment(), "TELEPROMPT_TRACKING_URI": database.uri("mlflow")}
    subprocess.run([sys.executable, "-m", "dev.traffic.seed", SLUG], env=env, cwd=REPOSITORY, check=True, stdout=2)


def one_machine(database: Postgres, model: ModelServer, window: Window) -> dict[str, Any]:
    """What `teleprompt run` makes of the window, with nothing from the cluster."""
    place, store = LOCAL / "one-machine", database.uri("one_machine")
    place.mkdir()
    config = model.config()
    env = {
        **clean_environment(),
        "TELEPROMPT_TRACKING_URI": store,
        "TELEPROMPT_STORAGE_URI": str(place / "storage"),
        "TELEPROMPT_LM__MODEL": config.model,
        "TELEPROMPT_LM__API_BASE": config.api_base.get_secret_value(),
        "TELEPROMPT_LM__API_KEY": "one-machine",
    }
    interval = ["--start", format_utc(window.start), "--end", format_utc(window.end)]
    command = [sys.executable, "-c", "from teleprompt.cli import main; main()", "run", SLUG, *interval]
    subprocess.run(command, env={**env, "PYTHONPATH": str(REPOSITORY)}, cwd=place, check=True, stdout=2)
    os.chdir(place)  # where this MLflow keeps its files
    return {**run_result(store), "requests": model.requests}


def trusted(database: Postgres) -> dict[str, str]:
    """What no worker is given."""
    return {
        "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_hex(32),
        "AIRFLOW__CORE__FERNET_KEY": Fernet.generate_key().decode(),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": database.uri("airflow"),
    }


def celery(*, broker: str) -> dict[str, str]:
    return {
        "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
        "AIRFLOW__CELERY__BROKER_URL": broker,
        "AIRFLOW__CELERY__RESULT_BACKEND": broker.removesuffix("0") + "1",
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "30",
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "5",
    }


def connections(mlflow: str, model: ModelServer) -> dict[str, str]:
    config = model.config()
    lm = {
        "conn_type": "generic",
        "password": "cluster",
        "extra": {"model": config.model, "api_base": config.api_base.get_secret_value()},
    }
    return {
        "AIRFLOW_CONN_MLFLOW_DEFAULT": json.dumps({"conn_type": "generic", "extra": {"tracking_uri": mlflow}}),
        "AIRFLOW_CONN_TELEPROMPT_STORAGE": json.dumps({"conn_type": "generic", "extra": {"uri": STORAGE}}),
        "AIRFLOW_CONN_TELEPROMPT_LM": json.dumps(lm),
    }


def several_machines(
    family: ProcessFamily, shared: dict[str, str], server: dict[str, str], model: ModelServer, window: Window
) -> dict[str, Any]:
    pools = LOCAL / "pools.json"
    pools.write_text(json.dumps({"airflow": {"pools": [{"pool_name": "teleprompt", "pool_slot": 4}]}}))
    ports = free_ports()
    env = {**airflow_environment(ports), **shared}
    api = start_airflow(family, ports, extra_env={**env, **server}, settings_file=pools)
    machines = {name: WorkerMachine(name, LOCAL / name) for name in ("worker-1", "worker-2")}
    for machine in machines.values():
        machine.start(family, {name: value for name, value in env.items() if name not in server})
    wait_for_dag(api, DAG, family)
    api.set_paused(DAG, False)
    requests, goes_on = model.requests, hold_after(model, ANSWERS_BEFORE_THE_LOSS)
    run = api.trigger(DAG, {"window_start": format_utc(window.start), "window_end": format_utc(window.end)})
    lost = lose_a_compiling_machine(api, run, machines)
    goes_on.set()
    ended = until_the_end(api, run, lost)
    files = {name: machine.files() for name, machine in machines.items()}
    return {**lost, **ended, "files": files, "requests": model.requests - requests, "served": served(api)}


def hold_after(model: ModelServer, answers: int) -> threading.Event:
    """Let the model give so many more answers, and the next ones only when the event is set."""
    left, goes_on, counting = iter(range(answers)), threading.Event(), threading.Lock()

    def delay(_n: int) -> float:
        with counting:
            passes = next(left, None) is not None
        if not passes:
            goes_on.wait(SECONDS)
        return 0.0

    model.delay = delay
    return goes_on


def lose_a_compiling_machine(api: AirflowApi, run: str, machines: dict[str, WorkerMachine]) -> dict[str, Any]:
    """Wait until answers of a compile that is under way are kept, and lose the machine that compiles it."""
    given = ANSWERS_BEFORE_THE_LOSS - (len(SEEDS) - len(LONG)) - 1
    wait_until(lambda: sum(kept_answers().values()) >= given, "answers that are kept", seconds=SECONDS)
    seed = max(kept_answers().items(), key=itemgetter(1))[0]
    task = compile_task(api, run, seed)
    if task["state"] != "running":
        sys.exit(f"seed {seed} was not being compiled: {task['state']}")
    machine = machines[task["hostname"]]
    processes = machine.lose()
    return {
        "seed": seed,
        "lost": machine.name,
        "processes": processes,
        "at": time.monotonic(),
        "answers_left": kept_answers()[seed],
    }


def until_the_end(api: AirflowApi, run: str, lost: dict[str, Any]) -> dict[str, Any]:
    """How the run went on; seconds since the loss."""

    def since() -> int:
        return round(time.monotonic() - lost["at"])

    wait_until(lambda: compile_task(api, run, lost["seed"])["state"] != "running", "the loss noticed", seconds=SECONDS)
    noticed = since()
    wait_until(lambda: compile_task(api, run, lost["seed"])["state"] == "running", "another try", seconds=SECONDS)
    tried_again = since()
    wait_until(lambda: api.run_state(DAG, run) in ENDED, "the run's end", seconds=SECONDS)
    tasks = [
        (task["task_id"], task["map_index"], task["state"], task["hostname"], task["try_number"])
        for task in api.task_instances(DAG, run)
    ]
    return {
        "state": api.run_state(DAG, run),
        "tasks": tasks,
        "seconds": {"noticed": noticed, "tried_again": tried_again, "ended": since()},
    }


def served(api: AirflowApi) -> list[str]:
    """The attestations that the API server finds, which made none itself."""
    answer = api._http.get("/teleprompt/api/v1/attestations")
    answer.raise_for_status()
    return [stored["attestation_id"] for stored in answer.json()["attestations"]]


def compile_task(api: AirflowApi, run: str, seed: int) -> dict[str, Any]:
    tasks = api.task_instances(DAG, run)
    return next(task for task in tasks if task["task_id"] == "compile" and task["map_index"] == SEEDS.index(seed))


def kept_answers() -> dict[int, int]:
    """How many answers the storage keeps of each long compile that is under way."""
    import boto3

    client, found = boto3.client("s3"), dict[int, int]()
    for item in client.list_objects_v2(Bucket=BUCKET, Prefix="storage/checkpoints/").get("Contents", []):
        part = item["Key"].split("/")[3]
        seed = int(part.removeprefix("candidate_")) if part.startswith("candidate_") else None
        if seed in LONG:
            text = client.get_object(Bucket=BUCKET, Key=item["Key"])["Body"].read().decode()
            found[seed] = found.get(seed, 0) + text.count('"request"')
    return found


if __name__ == "__main__":
    main()
