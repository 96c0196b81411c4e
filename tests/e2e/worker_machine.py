"""A Celery worker with disks of its own, as if it were another machine, and the end of that machine."""

import contextlib
import os
import signal
from collections.abc import Mapping
from pathlib import Path

import psutil

from dev.processes import ProcessFamily
from tests import REPOSITORY

NAME = "TELEPROMPT_TEST_WORKER"


def worker_name() -> str:
    """The machine's name; Airflow's `hostname_callable` there."""
    return os.environ[NAME]


class WorkerMachine:
    """`airflow celery worker` in a folder that no other process is told of."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.folder = folder
        self._process: psutil.Process | None = None

    def start(self, family: ProcessFamily, shared: Mapping[str, str]) -> None:
        """Start the worker; `shared` is the environment that all machines have."""
        folders = {
            "AIRFLOW_HOME": "airflow",
            "AIRFLOW__LOGGING__BASE_LOG_FOLDER": "logs",
            "DSPY_CACHEDIR": "dspy",
            "HOME": "home",
            "MPLCONFIGDIR": "matplotlib",
            "TELEPROMPT_SPOOL_DIR": "spool",
            "TMPDIR": "tmp",
            "XDG_CACHE_HOME": "cache",
        }
        own = {variable: self.folder / folder for variable, folder in folders.items()}
        for folder in own.values():
            folder.mkdir(parents=True)
        env = {
            **shared,
            **{variable: str(folder) for variable, folder in own.items()},
            NAME: self.name,
            "PYTHONPATH": str(REPOSITORY),  # of this module
            "AIRFLOW__CORE__HOSTNAME_CALLABLE": f"{__name__}.{worker_name.__name__}",
        }
        process = family.start(
            self.name, "-m", "airflow", "celery", "worker", "--celery-hostname", f"{self.name}@%h",
            "--concurrency", "2", "--skip-serve-logs", env=env, cwd=self.folder,
        )  # fmt: skip
        self._process = psutil.Process(process.pid)

    def lose(self) -> int:
        """The machine is gone from one moment to the next, with every process on it; returns how many they were."""
        assert self._process is not None
        alive = [self._process]
        for process in alive:  # grows while it is read: stopped processes start no more
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGSTOP)
                alive += [child for child in process.children() if child not in alive]
        for process in alive:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGKILL)
        psutil.wait_procs(alive, timeout=10)
        return len(alive)

    def files(self) -> list[str]:
        """What lies on its disks."""
        return sorted(str(file.relative_to(self.folder)) for file in self.folder.rglob("*") if file.is_file())
