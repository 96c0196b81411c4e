"""`make up`: Airflow, MLflow and, where it is installed, Prometheus in the browser, until Ctrl-C."""

import sys
import time

import httpx

from dev import REPOSITORY
from dev.airflow_api import admin_password
from dev.airflow_stack import START_SECONDS, StackError, start_airflow
from dev.local import LOGS, Ports, free_ports
from dev.monitoring import metrics_environment, start_monitoring, what_is_missing
from dev.processes import ProcessFamily, clean_environment, process_family
from dev.rollout import ROLLOUT
from dev.signer import ensure_signer, signer_environment
from dev.traffic.parallel import prepare_store
from teleprompt.config.settings import Settings
from teleprompt.environment import configure_third_party
from teleprompt.tracking.connection import artifact_root


def main() -> int:
    """The exit status: 0 after Ctrl-C."""
    configure_third_party()
    try:
        with process_family(LOGS) as family:
            _up(family, free_ports())
    except StackError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped.")
    return 0


def _up(family: ProcessFamily, ports: Ports) -> None:
    print("Starting Airflow and MLflow; logs in .local/logs", flush=True)
    ensure_signer()
    prepare_store()
    mlflow = f"http://127.0.0.1:{ports.mlflow}"
    _start_mlflow(family, ports.mlflow)
    metrics = what_is_missing() or start_monitoring(family, ports)
    start_airflow(family, ports, extra_env={**signer_environment(), **ROLLOUT, **metrics_environment(ports)})
    _wait_for(mlflow, family)
    print(f"Airflow  http://127.0.0.1:{ports.airflow}   user admin, password {admin_password()}")
    print(f"MLflow   {mlflow}")
    print(metrics)
    print("Ctrl-C stops all.", flush=True)
    while not family.fallen():
        time.sleep(1)
    raise StackError(f"{family.fallen()[0]} ended; see {family.log(family.fallen()[0])}.")


def _start_mlflow(family: ProcessFamily, port: int) -> None:
    uri = Settings().tracking_uri.get_secret_value()
    family.start(
        "mlflow", "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1",
        "--backend-store-uri", uri, "--default-artifact-root", artifact_root(uri) or ".",
        env=clean_environment(), cwd=REPOSITORY,
    )  # fmt: skip


def _wait_for(url: str, family: ProcessFamily) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            if httpx.get(f"{url}/health", timeout=5).is_success:
                return
        except httpx.TransportError:
            pass
        if time.monotonic() > deadline or family.fallen():
            raise StackError(f"MLflow did not come up; see {family.log('mlflow')}.")
        time.sleep(0.5)


if __name__ == "__main__":
    sys.exit(main())
