"""`teleprompt gate` starts without what the pipeline needs: in a CI job nothing else is installed."""

import json
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

PLATFORM = (
    "airflow",
    "dspy",
    "mlflow",
    "pandas",
    "sqlalchemy",
    "upath",
    "yaml",
    "matplotlib",
    "httpx",
    "py_ecc",
    "orjson",
)
COLUMNS = {"id": [f"q{i}" for i in range(1_000)], "score": [i % 2 for i in range(1_000)]}
BETTER = {**COLUMNS, "score": [int(i % 2 == 1 or i % 20 == 0) for i in range(1_000)]}
GRADED = {**COLUMNS, "score": [0.8 * score + 0.2 for score in BETTER["score"]]}

CODE = """
import json, sys
for name in {blocked!r}:
    sys.modules[name] = None  # importing it fails
sys.argv = ["teleprompt", "gate", *{arguments!r}]
from teleprompt import cli
try:
    cli.main()
except SystemExit as end:
    print(json.dumps([end.code or 0, sorted(name for name in {asked!r} if sys.modules.get(name))]))
"""


def gate(folder: Path, *arguments: str, blocked: tuple[str, ...]) -> tuple[int, list[str]]:
    """The exit status in a process that lacks what is blocked, and what of numpy, scipy and pyarrow it imported."""
    code = CODE.format(blocked=blocked, arguments=arguments, asked=("numpy", "scipy", "pyarrow"))
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    status, imported = json.loads(done.stdout.splitlines()[-1])
    return status, imported


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, columns in (("a", COLUMNS), ("b", BETTER), ("graded", GRADED)):
        rows = zip(columns["id"], columns["score"], strict=True)
        (tmp_path / f"{name}.csv").write_text("id,score\n" + "".join(f"{i},{s}\n" for i, s in rows))
        pq.write_table(pa.table(columns), tmp_path / f"{name}.parquet")
    return tmp_path


def test_an_exact_test_of_1000_pairs_needs_nothing_heavy(folder: Path) -> None:
    reports = ("--picture", "a.svg", "--markdown", "a.md", "--junit", "a.xml")
    assert gate(folder, "a.csv", "b.csv", *reports, blocked=(*PLATFORM, "numpy", "scipy", "pyarrow")) == (0, [])


def test_graded_scores_need_numpy_and_say_so(folder: Path) -> None:
    assert gate(folder, "a.csv", "graded.csv", blocked=(*PLATFORM, "scipy", "pyarrow")) == (0, ["numpy"])
    assert gate(folder, "a.csv", "graded.csv", blocked=(*PLATFORM, "numpy"))[0] == 2


def test_parquet_needs_pyarrow_and_says_so(folder: Path) -> None:
    status, imported = gate(folder, "a.csv", "b.parquet", blocked=PLATFORM)
    assert (status, "pyarrow" in imported) == (0, True)
    assert gate(folder, "a.csv", "b.parquet", blocked=(*PLATFORM, "pyarrow"))[0] == 2


def test_a_trial_needs_scipy_for_its_first_look_only(folder: Path) -> None:
    trial = ("--trial", "t.json", "--window", "1")
    assert gate(folder, "a.csv", "b.csv", *trial, blocked=(*PLATFORM, "pyarrow")) == (0, ["numpy", "scipy"])
