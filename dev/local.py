"""Where the local stack keeps its things, and the environment its processes run in."""

import os
import secrets
import socket
from dataclasses import dataclass, fields

from dev import REPOSITORY

LOCAL = REPOSITORY / os.environ.get("TELEPROMPT_LOCAL_DIR", ".local")
AIRFLOW_HOME = LOCAL / "airflow"
LOGS = LOCAL / "logs"
RUN = LOCAL / "run"
SIGNER = LOCAL / "signer"


@dataclass(frozen=True)
class Ports:
    """Loopback ports of one start."""

    airflow: int
    mlflow: int
    worker_logs: int
    trigger_logs: int
    collector: int
    prometheus: int


def free_ports() -> Ports:
    """Ports that nothing listens on now."""
    sockets = [socket.socket() for _ in fields(Ports)]
    try:
        for sock in sockets:
            sock.bind(("127.0.0.1", 0))
        return Ports(*(sock.getsockname()[1] for sock in sockets))
    finally:
        for sock in sockets:
            sock.close()


def _fernet_key() -> str:
    """Of this home, and the same for all processes: one that found none in `airflow.cfg` could not read the others'."""
    from cryptography.fernet import Fernet

    file = AIRFLOW_HOME / "fernet_key"
    if not file.exists():
        AIRFLOW_HOME.mkdir(parents=True, exist_ok=True)
        file.touch(mode=0o600)
        file.write_text(Fernet.generate_key().decode())
    return file.read_text()


def airflow_environment(ports: Ports) -> dict[str, str]:
    """The environment of all Airflow processes: a home of their own, LocalExecutor, SQLite, loopback."""
    base = f"http://127.0.0.1:{ports.airflow}"
    config = {
        "CORE__DAGS_FOLDER": REPOSITORY / "dags",
        "CORE__PLUGINS_FOLDER": REPOSITORY / "plugins",
        "CORE__LOAD_EXAMPLES": False,
        "CORE__EXECUTOR": "LocalExecutor",
        "CORE__PARALLELISM": 4,
        "CORE__FERNET_KEY": _fernet_key(),
        "CORE__EXECUTION_API_SERVER_URL": f"{base}/execution/",
        "CORE__SIMPLE_AUTH_MANAGER_USERS": "admin:admin",
        "DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{AIRFLOW_HOME / 'airflow.db'}",
        "API__HOST": "127.0.0.1",
        "API__PORT": ports.airflow,
        "API__BASE_URL": base,
        "API__WORKERS": 1,
        "API_AUTH__JWT_SECRET": secrets.token_hex(32),
        "LOGGING__WORKER_LOG_SERVER_PORT": ports.worker_logs,
        "LOGGING__TRIGGER_LOG_SERVER_PORT": ports.trigger_logs,
        "SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": 0.5,
        "SCHEDULER__ENABLE_HEALTH_CHECK": False,
        "DAG_PROCESSOR__REFRESH_INTERVAL": 30,
    }
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {
        **kept,
        "AIRFLOW_HOME": str(AIRFLOW_HOME),
        "TELEPROMPT_PROJECT_DIR": str(REPOSITORY),
        **{f"AIRFLOW__{name}": str(value) for name, value in config.items()},
    }
