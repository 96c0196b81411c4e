"""The few calls of Airflow's REST API that the main job makes."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import httpx
from tenacity import retry, retry_if_exception, stop_after_delay, wait_random

from dev.local import AIRFLOW_HOME

ENDED = frozenset({"success", "failed"})
PASSWORDS = AIRFLOW_HOME / "simple_auth_manager_passwords.json.generated"


class AirflowApi:
    """A logged-in client of a local Airflow."""

    def __init__(self, base_url: str) -> None:
        self._http = httpx.Client(base_url=base_url, timeout=30)

    def healthy(self) -> bool:
        """Whether database, scheduler, triggerer and DAG processor all say so."""
        try:
            answer = self._http.get("/api/v2/monitor/health")
        except httpx.TransportError:
            return False
        parts = ("metadatabase", "scheduler", "triggerer", "dag_processor")
        return answer.is_success and all(answer.json()[part]["status"] == "healthy" for part in parts)

    def log_in(self) -> None:
        """Get a token for the admin of the simple auth manager."""
        answer = self._http.post("/auth/token", json={"username": "admin", "password": admin_password()})
        answer.raise_for_status()
        self._http.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

    def has_dag(self, dag_id: str) -> bool:
        """Whether the DAG was parsed."""
        return self._http.get(f"/api/v2/dags/{dag_id}").is_success

    @retry(
        retry=retry_if_exception(lambda error: is_locked(error)),
        stop=stop_after_delay(60),
        wait=wait_random(1, 3),
        reraise=True,
    )
    def set_paused(self, dag_id: str, paused: bool) -> None:
        """Let the scheduler run the DAG, or not; asking twice is asking once."""
        self._http.patch(f"/api/v2/dags/{dag_id}", json={"is_paused": paused}).raise_for_status()

    def trigger(self, dag_id: str, conf: Mapping[str, Any]) -> str:
        """Trigger the DAG by hand; returns the run's id."""
        answer = self._http.post(f"/api/v2/dags/{dag_id}/dagRuns", json={"logical_date": None, "conf": dict(conf)})
        answer.raise_for_status()
        return str(answer.json()["dag_run_id"])

    def backfill(self, dag_id: str, start: datetime, end: datetime, *, max_active_runs: int) -> None:
        """Ask for a backfill of all intervals of the DAG that begin in `[start, end]`."""
        body = {
            "dag_id": dag_id,
            "from_date": start.isoformat(),
            "to_date": end.isoformat(),
            "reprocess_behavior": "none",
            "max_active_runs": max_active_runs,
        }
        self._ask_until_unlocked("/api/v2/backfills", body)

    @retry(
        retry=retry_if_exception(lambda error: is_locked(error)),
        stop=stop_after_delay(60),
        wait=wait_random(1, 3),
        reraise=True,
    )
    def _ask_until_unlocked(self, path: str, body: Mapping[str, Any]) -> None:
        self._http.post(path, json=dict(body)).raise_for_status()

    def runs(self, dag_id: str) -> list[dict[str, Any]]:
        """The DAG's runs."""
        answer = self._http.get(f"/api/v2/dags/{dag_id}/dagRuns", params={"limit": 100})
        answer.raise_for_status()
        return list(answer.json()["dag_runs"])

    def run_state(self, dag_id: str, run_id: str) -> str:
        """`queued`, `running`, `success` or `failed`."""
        answer = self._http.get(f"/api/v2/dags/{dag_id}/dagRuns/{run_id}")
        answer.raise_for_status()
        return str(answer.json()["state"])

    def task_instances(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """The run's task instances."""
        answer = self._http.get(f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances", params={"limit": 200})
        answer.raise_for_status()
        return list(answer.json()["task_instances"])

    def xcom(self, dag_id: str, run_id: str, task_id: str) -> Any:
        """What a task returned."""
        path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/xcomEntries/return_value"
        answer = self._http.get(path)
        answer.raise_for_status()
        value = answer.json()["value"]
        return json.loads(value) if isinstance(value, str) else value

    def submit_traces(self, program: str, lines: str) -> int:
        """Hand JSON lines in by the project's own API; returns how many were accepted."""
        headers = {"Content-Type": "application/x-ndjson"}
        path = f"/teleprompt/api/v1/programs/{program}/traces/bulk"
        answer = self._http.post(path, content=lines.encode(), headers=headers)
        answer.raise_for_status()
        return int(answer.json()["accepted"])

    def answer(self, dag_id: str, run_id: str, task_id: str, option: str) -> None:
        """Give a task that waits for a person its answer."""
        path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/-1/hitlDetails"
        self._http.patch(path, json={"chosen_options": [option], "params_input": {}}).raise_for_status()


def is_locked(error: BaseException) -> bool:
    """Whether Airflow could not write to its SQLite database; of some routes it says 503, of others 500."""
    return isinstance(error, httpx.HTTPStatusError) and error.response.status_code in {
        httpx.codes.INTERNAL_SERVER_ERROR,
        httpx.codes.SERVICE_UNAVAILABLE,
    }


def admin_password() -> str:
    """The password that Airflow made for `admin`."""
    return str(json.loads(PASSWORDS.read_text(encoding="utf-8").splitlines()[0])["admin"])
