"""`make airflow ARGS="…"`: a command of the Airflow that `make run` and `make up` start, and of no other."""

import subprocess
import sys

from dev import REPOSITORY
from dev.local import AIRFLOW_HOME, airflow_environment, free_ports


def main(arguments: list[str]) -> int:
    """The command's exit status; 2 where there is no such Airflow yet."""
    if not (AIRFLOW_HOME / "airflow.db").exists():
        print(f"Error: There is no Airflow in {AIRFLOW_HOME} yet; `make up` starts one.", file=sys.stderr)
        return 2
    command = [sys.executable, "-m", "airflow", *arguments]
    return subprocess.run(command, env=airflow_environment(free_ports()), cwd=REPOSITORY, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
