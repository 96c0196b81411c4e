"""A whole Airflow on this machine: database, scheduler, DAG processor, triggerer, API server."""

import subprocess
import time
from pathlib import Path

from dev import REPOSITORY
from dev.airflow_api import AirflowApi
from dev.local import AIRFLOW_HOME, Ports, airflow_environment
from dev.processes import ProcessFamily

COMPONENTS = ("api-server", "scheduler", "dag-processor", "triggerer")
START_SECONDS = 180


class StackError(Exception):
    """The local stack could not be brought up; the message says where to look."""


def start_airflow(
    family: ProcessFamily,
    ports: Ports,
    *,
    extra_env: dict[str, str],
    settings_file: Path = REPOSITORY / "airflow_settings.yaml",
) -> AirflowApi:
    """Prepare the home, start all components and wait until they are healthy; returns a logged-in client.

    Raises:
        StackError: a component fell over or took too long.
    """
    env = {**airflow_environment(ports), **extra_env}
    AIRFLOW_HOME.mkdir(parents=True, exist_ok=True)
    _run(family, "airflow-init", "-m", "dev.airflow_init", str(settings_file), env=env)
    for component in COMPONENTS:
        family.start(f"airflow-{component}", "-m", "airflow", component, env=env, cwd=AIRFLOW_HOME)
    api = AirflowApi(f"http://127.0.0.1:{ports.airflow}")
    deadline = time.monotonic() + START_SECONDS
    while not api.healthy():
        if family.fallen():
            raise StackError(f"{family.fallen()[0]} ended at once; see {family.log(family.fallen()[0])}.")
        if time.monotonic() > deadline:
            raise StackError(f"Airflow was not healthy after {START_SECONDS} s; see {family.log('').parent}.")
        time.sleep(0.5)
    api.log_in()
    return api


def wait_for_dag(api: AirflowApi, dag_id: str, family: ProcessFamily) -> None:
    """Return when the DAG processor has parsed the DAG.

    Raises:
        StackError: it has not after a minute.
    """
    deadline = time.monotonic() + 60
    while not api.has_dag(dag_id):
        if time.monotonic() > deadline:
            raise StackError(f"{dag_id} was not parsed; see {family.log('airflow-dag-processor')}.")
        time.sleep(0.5)


def _run(family: ProcessFamily, name: str, *arguments: str, env: dict[str, str]) -> None:
    process = family.start(name, *arguments, env=env, cwd=REPOSITORY)
    try:
        status = process.wait(START_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise StackError(f"{name} did not end; see {family.log(name)}.") from error
    if status != 0:
        raise StackError(f"{name} failed; see {family.log(name)}.")
