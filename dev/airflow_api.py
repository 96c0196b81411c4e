"""The few calls of Airflow's REST API that the main job makes."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import httpx
from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_random

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

    def set_paused(self, dag_id: str, paused: bool) -> None:
        """Let the scheduler run the DAG, or not."""
        self._ask("PATCH", f"/api/v2/dags/{dag_id}", json={"is_paused": paused})

    def trigger(self, dag_id: str, conf: Mapping[str, Any]) -> str:
        """Trigger the DAG by hand; returns the run's id."""
        run_id = f"manual__{datetime.now(UTC).isoformat()}"
        body = {"dag_run_id": run_id, "logical_date": None, "conf": dict(conf)}
        self._ask("POST", f"/api/v2/dags/{dag_id}/dagRuns", json=body)
        return run_id

    def backfill(self, dag_id: str, start: datetime, end: datetime, *, max_active_runs: int) -> None:
        """Ask for a backfill of all intervals of the DAG that begin in `[start, end]`."""
        body = {
            "dag_id": dag_id,
            "from_date": start.isoformat(),
            "to_date": end.isoformat(),
            "reprocess_behavior": "none",
            "max_active_runs": max_active_runs,
        }
        self._ask("POST", "/api/v2/backfills", json=body)

    def runs(self, dag_id: str) -> list[dict[str, Any]]:
        """The DAG's runs."""
        return list(self._ask("GET", f"/api/v2/dags/{dag_id}/dagRuns", params={"limit": 100}).json()["dag_runs"])

    def run_state(self, dag_id: str, run_id: str) -> str:
        """`queued`, `running`, `success` or `failed`."""
        return str(self._ask("GET", f"/api/v2/dags/{dag_id}/dagRuns/{run_id}").json()["state"])

    def task_instances(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """The run's task instances."""
        path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances"
        return list(self._ask("GET", path, params={"limit": 200}).json()["task_instances"])

    def xcom(self, dag_id: str, run_id: str, task_id: str) -> Any:
        """What a task returned."""
        path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/xcomEntries/return_value"
        value = self._ask("GET", path).json()["value"]
        return json.loads(value) if isinstance(value, str) else value

    def submit_traces(self, program: str, lines: str) -> int:
        """Hand JSON lines in by the project's own API; returns how many were accepted."""
        headers = {"Content-Type": "application/x-ndjson"}
        path = f"/teleprompt/api/v1/programs/{program}/traces/bulk"
        return int(self._ask("POST", path, content=lines.encode(), headers=headers).json()["accepted"])

    def answer(self, dag_id: str, run_id: str, task_id: str, option: str) -> None:
        """Give a task that waits for a person its answer."""
        path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/-1/hitlDetails"
        self._ask("PATCH", path, json={"chosen_options": [option], "params_input": {}})

    def _ask(self, method: str, path: str, **how: Any) -> httpx.Response:
        """The answer; asked again while Airflow's SQLite database is locked.

        What was done all the same the first time is a conflict the second: run and answer have their own ids.
        """
        for attempt in Retrying(
            retry=retry_if_exception(is_locked), stop=stop_after_delay(60), wait=wait_random(1, 3), reraise=True
        ):
            with attempt:
                answer = self._http.request(method, path, **how)
                is_done = attempt.retry_state.attempt_number > 1 and answer.status_code == httpx.codes.CONFLICT
                if not is_done:
                    answer.raise_for_status()
        return answer


def is_locked(error: BaseException) -> bool:
    """Whether Airflow could not write to its SQLite database; of some routes it says 503, of others 500."""
    return isinstance(error, httpx.HTTPStatusError) and error.response.status_code in {
        httpx.codes.INTERNAL_SERVER_ERROR,
        httpx.codes.SERVICE_UNAVAILABLE,
    }


def admin_password() -> str:
    """The password that Airflow made for `admin`."""
    return str(json.loads(PASSWORDS.read_text(encoding="utf-8").splitlines()[0])["admin"])
