"""How long Airflow takes to parse 200 programs, and how much memory.

Instead one would write a DAG file that imports DSPy and MLflow at its top and makes a DAG of ten tasks per YAML file in
a loop. Whole processes, because every task of Airflow starts with a parse; medians of five, in turn.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from dev import REPOSITORY

PROGRAMS = 200
RUNS = 5

_LOOP = """
import pathlib, os
import dspy, mlflow, yaml
from datetime import datetime
from airflow.sdk import DAG
from airflow.providers.standard.operators.empty import EmptyOperator

for file in sorted(pathlib.Path(os.environ["TELEPROMPT_PROGRAMS_DIR"]).glob("*.yaml")):
    config = yaml.safe_load(file.read_text())
    with DAG(f"loop_{file.stem}", schedule="@weekly", start_date=datetime(2025, 1, 6)) as dag:
        tasks = [EmptyOperator(task_id=f"task_{i}") for i in range(10)]
        for before, after in zip(tasks, tasks[1:]):
            before >> after
    globals()[dag.dag_id] = dag
"""

_MEASURE = """
import json, resource, sys, time
from airflow.dag_processing.dagbag import DagBag
if sys.argv[2]:
    import os
    os.environ["_AIRFLOW_PARSING_CONTEXT_DAG_ID"] = sys.argv[2]
began = time.perf_counter()
bag = DagBag(sys.argv[1])
seconds = time.perf_counter() - began
assert not bag.import_errors, bag.import_errors
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps([len(bag.dags), seconds, peak]))
"""


def main() -> None:
    """Measure and print the table."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        programs, loop = folder / "programs", folder / "loop"
        programs.mkdir()
        loop.mkdir()
        (loop / "dags.py").write_text(_LOOP)
        for i in range(PROGRAMS):
            (programs / f"program_{i:03}.yaml").write_text(f"name: Program {i}\n")
            (programs / f"program_{i:03}.py").write_text(
                "import dspy\n\ndef build():\n    return dspy.Predict('a -> b')\n"
            )
        ways = {
            "loop that imports DSPy and MLflow": (loop, ""),
            "dags/teleprompt.py": (REPOSITORY / "dags", ""),
            "dags/teleprompt.py, for one task": (REPOSITORY / "dags", "teleprompt_program_100"),
        }
        results: dict[str, list[tuple[int, float, float]]] = {name: [] for name in ways}
        for _ in range(RUNS + 1):  # the first round warms the disk cache and is dropped
            for name, (dags, only) in ways.items():
                results[name].append(_parse(dags, only, programs, home=folder))
    print(f"Parsing {PROGRAMS} programs (medians of {RUNS} whole processes, in turn)\n")
    print(f"{'':<36}{'DAGs':>6}{'seconds':>10}{'peak MB':>10}{'times faster':>14}")
    baseline = _median(results["loop that imports DSPy and MLflow"], 1)
    for name, measured in results.items():
        seconds, peak = _median(measured, 1), _median(measured, 2)
        print(f"{name:<36}{measured[-1][0]:>6}{seconds:>10.2f}{peak:>10.0f}{baseline / seconds:>14.1f}")


def _parse(dags: Path, only: str, programs: Path, *, home: Path) -> tuple[int, float, float]:
    env = {
        **os.environ,
        "AIRFLOW_HOME": str(home / "airflow"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(REPOSITORY / "plugins"),
        "PYTHONPATH": f"{REPOSITORY}:{REPOSITORY / 'plugins'}",
        "TELEPROMPT_PROGRAMS_DIR": str(programs),
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    }
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _MEASURE, str(dags), only],
        env=env, capture_output=True, text=True, check=True,
    )  # fmt: skip
    count, seconds, peak = json.loads(done.stdout.splitlines()[-1])
    return count, seconds, peak


def _median(measured: list[tuple[int, float, float]], column: int) -> float:
    return statistics.median(row[column] for row in measured[1:])
