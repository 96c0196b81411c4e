"""The wheels in other versions of Python and Airflow: installed, DAGs parsed, run once.

`python -m dev.matrix` takes the newest Airflow with each Python that is here, and the oldest with the oldest of them;
`python -m dev.matrix 3.12:3.3.1` takes what is named. A Python that is not here is said and left out.
"""

import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from dev import REPOSITORY

PYTHONS = ("3.11", "3.12", "3.13")
AIRFLOWS = ("3.3.0", "3.3.1", "3.3.2")
DEFAULT = (*((python, AIRFLOWS[-1]) for python in PYTHONS), (PYTHONS[0], AIRFLOWS[0]), (PYTHONS[1], AIRFLOWS[1]))

PARSE = """
from pathlib import Path
from airflow.dag_processing.dagbag import DagBag
bag = DagBag("dags", bundle_path=Path("dags"), bundle_name="dags-folder")
assert not bag.import_errors, bag.import_errors
assert "teleprompt_support_queue" in bag.dags, sorted(bag.dags)
"""


def main() -> int:
    """Try each; 1 if one failed."""
    wanted = [tuple(named.split(":")) for named in sys.argv[1:]] or DEFAULT
    with TemporaryDirectory(prefix="teleprompt-matrix-") as folder:
        for source in (REPOSITORY / "packages/gate", REPOSITORY):
            _call([_uv(), "build", "--quiet", "--wheel", "--out-dir", folder, str(source)], Path(folder), os.environ)
        wheels = sorted(Path(folder).glob("*.whl"))
        results = [_try(python, airflow, wheels, Path(folder) / f"{python}-{airflow}") for python, airflow in wanted]
    return 0 if all(results) else 1


def _try(python: str, airflow: str, wheels: list[Path], folder: Path) -> bool:
    interpreter = _interpreter(python)
    if interpreter is None:
        print(f"Python {python} is not here: not tried with Airflow {airflow}")
        return True
    project, bin_ = folder / "project", folder / "venv/bin"
    project.mkdir(parents=True)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "TELEPROMPT"))}
    env = {**kept, "AIRFLOW_HOME": str(project), "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
    end = datetime.now(UTC).date()
    command, program, calls = str(bin_ / "teleprompt"), "support_queue", "calls.jsonl"
    steps = [
        [_uv(), "venv", "--quiet", "--python", interpreter, str(folder / "venv")],
        [
            _uv(),
            "pip",
            "install",
            "--quiet",
            "--python",
            str(bin_ / "python"),
            *map(str, wheels),
            f"apache-airflow=={airflow}",
        ],
        [command, "init"],
        [command, "traces", "example", calls],
        [command, "traces", "submit", program, calls],
        [command, "run", program, "--start", str(end - timedelta(days=7)), "--end", str(end)],
        [str(bin_ / "python"), "-c", PARSE],
    ]
    said = next((said for step in steps if (said := _call(step, project, env))), None)
    shutil.rmtree(folder)
    print(f"Python {python}, Airflow {airflow}: {said or 'installed, parsed, and run once'}", flush=True)
    return said is None


def _call(command: list[str], folder: Path, env: "os._Environ[str] | dict[str, str]") -> str | None:
    """What went wrong."""
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
    return f"{' '.join(command[:3])} failed: {done.stderr[-2000:]}" if done.returncode else None


def _interpreter(python: str) -> str | None:
    """On the path, or among pyenv's."""
    root = Path(os.environ.get("PYENV_ROOT", "~/.pyenv")).expanduser()
    found = [*sorted(root.glob(f"versions/{python}.*/bin/python")), Path(f"python{python}")]
    for candidate in map(str, found):
        if shutil.which(candidate) and _call([candidate, "-c", ""], Path.cwd(), os.environ) is None:
            return candidate
    return None


def _uv() -> str:
    own = Path(sys.executable).with_name("uv")
    return str(own) if own.exists() else "uv"


if __name__ == "__main__":
    sys.exit(main())
