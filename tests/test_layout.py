"""The packages: what may be imported from where, and what is installed."""

import ast
import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

from tests import REPOSITORY

SOURCES = [REPOSITORY / "include/teleprompt", REPOSITORY / "plugins/teleprompt_airflow"]


def imports(root: Path) -> Iterator[tuple[str, str]]:
    """(importing module, imported name), for each import below `root`."""
    for file in root.rglob("*.py"):
        importer = ".".join(file.relative_to(root.parent).with_suffix("").parts)
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module:
                yield from ((importer, f"{node.module}.{alias.name}") for alias in node.names)
            elif isinstance(node, ast.Import):
                yield from ((importer, alias.name) for alias in node.names)


def test_private_modules_are_imported_by_their_own_package_only() -> None:
    seen = 0
    for root in SOURCES:
        for importer, imported in imports(root):
            if not imported.startswith(("teleprompt.", "teleprompt_airflow.")):
                continue
            parts = imported.split(".")
            private = next((i for i, part in enumerate(parts) if re.match(r"_[a-z]", part)), None)
            if private is not None and importer.split(".")[:private] != parts[:private]:
                raise AssertionError(f"{importer} imports {imported}, which is private to {'.'.join(parts[:private])}")
            seen += private is not None
    assert seen > 50, "the modules are not found"


def test_the_statistics_of_the_gate_need_no_platform() -> None:
    code = """
import sys
for name in ("airflow", "dspy", "mlflow", "pyarrow", "pandas", "upath", "eth_account", "yaml", "typer"):
    sys.modules[name] = None  # importing it fails
from teleprompt.config.gate import Claim
from teleprompt.deltaone.decide import decide
from teleprompt.deltaone.report import GatePolicy
policy = GatePolicy(threshold_e6=10_000, alpha=0.05, claim=Claim.SIGNIFICANT)
print(decide([0] * 80, [1_000_000] * 80, groups=[str(i) for i in range(80)], policy=policy).verdict)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("promote\n", 0), done.stderr


def names(requirements: list[str]) -> set[str]:
    return {re.split(r"[\[<>=;\s]", line)[0].lower() for line in requirements if line and not line.startswith("#")}


def test_the_project_installs_what_the_package_needs() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    installed = names((REPOSITORY / "requirements.txt").read_text().splitlines())
    needed = names([*project["dependencies"], *extras["chain"], *extras["keccak"], *extras["sentry"]])
    assert needed - {"teleprompt-gate"} <= installed  # that one is of the same sources


def test_the_wheel_holds_the_two_packages_and_nothing_else(tmp_path: Path) -> None:
    uv = next((p for p in [Path(sys.executable).with_name("uv")] if p.exists()), "uv")
    subprocess.run([uv, "build", "--quiet", "--wheel", "--out-dir", tmp_path, REPOSITORY], check=True)
    (wheel,) = tmp_path.glob("*.whl")
    held = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in held}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"teleprompt", "teleprompt_airflow"}
    assert {"teleprompt_airflow/py.typed", "teleprompt/example/dag_file.txt"} <= set(held)
