"""`make airflow` acts on the clone's own Airflow."""

import os
import subprocess
from pathlib import Path

import pytest

from tests import REPOSITORY


def make_airflow(local: Path, arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW_")}
    environment |= {"TELEPROMPT_LOCAL_DIR": str(local), "HOME": str(local / "home")}
    python = ["python", "-m", "dev.airflow_command"]
    script = subprocess.run(
        ["make", "--dry-run", "airflow", f"ARGS={arguments}"],
        cwd=REPOSITORY, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    command = next(line for line in script.splitlines() if " ".join(python) in line)
    return subprocess.run(
        command, shell=True, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False
    )


def test_without_an_airflow_it_says_how_to_get_one_and_makes_none(tmp_path: Path) -> None:
    done = make_airflow(tmp_path, "dags list")
    assert (done.returncode, done.stderr) == (
        2,
        f"Error: There is no Airflow in {tmp_path / 'airflow'} yet; `make up` starts one.\n",
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_it_asks_the_airflow_of_the_clone_and_leaves_the_home_directory_alone(tmp_path: Path) -> None:
    (tmp_path / "airflow").mkdir()
    (tmp_path / "airflow" / "airflow.db").touch()
    done = make_airflow(tmp_path, "config get-value database sql_alchemy_conn")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == f"sqlite:///{tmp_path / 'airflow' / 'airflow.db'}"
    assert not (tmp_path / "home").exists()
