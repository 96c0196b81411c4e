"""The wheel of the gate alone: what is in it, that nothing in it imports what is not, and how light it is."""

import ast
import re
import resource
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests import REPOSITORY

SOURCES = REPOSITORY / "include"
GATE = REPOSITORY / "packages/gate"
ELSEWHERE = {
    "teleprompt._old_names": "only a clone has the old names",
    "teleprompt.config.settings": "for runs of MLflow",
    "teleprompt.queries.evaluation_runs": "for runs of MLflow",
    "teleprompt.tracking.connection": "for runs of MLflow",
}
"""What the gate imports where the other wheel is installed; without it a sentence says so."""


def project(folder: Path) -> dict[str, object]:
    return tomllib.loads((folder / "pyproject.toml").read_text())["project"]


def listed() -> set[str]:
    """Files of the wheel, by its own list."""
    build = tomllib.loads((GATE / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    paths = [SOURCES / "teleprompt" / name for name in build["hooks"]["custom"]["files"]]
    files = (file for path in paths for file in ([path] if path.is_file() else path.rglob("*.py")))
    return {str(file.relative_to(SOURCES)) for file in files}


def imported(file: Path) -> Iterator[str]:
    """Modules of ours that a file imports when it runs, those in functions too."""
    tree = ast.parse(file.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and getattr(node.test, "id", None) == "TYPE_CHECKING":
            node.body = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "teleprompt":
            yield node.module
            yield from (
                f"{node.module}.{alias.name}" for alias in node.names if is_module(f"{node.module}.{alias.name}")
            )
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] == "teleprompt")


def is_module(name: str) -> bool:
    path = SOURCES.joinpath(*name.split("."))
    return path.is_dir() or path.with_suffix(".py").exists()


def test_the_gate_imports_nothing_that_it_does_not_hold() -> None:
    held = listed()
    modules = {name.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for name in held}
    missing = {
        (name, module)
        for name in held
        if name.endswith(".py")
        for module in imported(SOURCES / name)
        if module not in modules and module not in ELSEWHERE
    }
    assert not missing


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Of the gate and of the whole package."""
    folder = tmp_path_factory.mktemp("wheels")
    uv = next((str(p) for p in [Path(sys.executable).with_name("uv")] if p.exists()), "uv")
    for source in (GATE, REPOSITORY):
        subprocess.run([uv, "build", "--quiet", "--wheel", "--out-dir", folder, source], check=True)
    return [next(folder.glob(f"{name}-*.whl")) for name in ("teleprompt_gate", "teleprompt_airflow")]


def files(wheel: Path) -> set[str]:
    return {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}


def test_no_file_is_in_two_wheels_and_none_in_neither(wheels: list[Path]) -> None:
    gate, whole = map(files, wheels)
    assert gate == listed()
    assert gate & whole == set()
    sources = {str(f.relative_to(SOURCES)) for f in (SOURCES / "teleprompt").rglob("*") if f.is_file()}
    sources = {name for name in sources if "__pycache__" not in name}
    assert gate | {name for name in whole if name.startswith("teleprompt/")} == sources


def test_the_whole_package_needs_the_gate_of_its_own_version_which_alone_has_the_command() -> None:
    whole, gate = project(REPOSITORY), project(GATE)
    assert f"teleprompt-gate=={gate['version']}" in whole["dependencies"]
    assert (whole["version"], whole.get("scripts")) == (gate["version"], None)
    assert gate["scripts"] == {"teleprompt": "teleprompt.cli:main"}


def test_the_licence_is_in_both() -> None:
    assert (GATE / "LICENSE").read_bytes() == (REPOSITORY / "LICENSE").read_bytes()


def test_each_extra_of_the_gate_is_documented() -> None:
    pages = [(GATE / "README.md").read_text(), (REPOSITORY / "docs/gate.md").read_text()]
    for extra in project(GATE)["optional-dependencies"]:
        assert all(re.search(rf"`{extra}`|\[{extra}\]", page) for page in pages), extra


@pytest.fixture(scope="module")
def installed(wheels: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the gate's wheel, unpacked, and two files of a thousand scores."""
    folder = tmp_path_factory.mktemp("installed")
    with zipfile.ZipFile(wheels[0]) as wheel:
        wheel.extractall(folder)
    for name, better in (("a.csv", 0), ("b.csv", 20)):
        scores = [int(i % 2 == 1 or (better > 0 and i % better == 0)) for i in range(1_000)]
        (folder / name).write_text("id,score\n" + "".join(f"q{i},{score}\n" for i, score in enumerate(scores)))
    return folder


def gate_alone(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command from the wheel, in a process that lacks all that the gate does not depend on."""
    code = f"""
import sys
sys.path.insert(0, {str(folder)!r})
for name in ("airflow", "dspy", "mlflow", "numpy", "pandas", "pyarrow", "scipy", "yaml"):
    sys.modules[name] = None  # importing it fails
sys.argv = ["teleprompt", *{arguments!r}]
from teleprompt import cli
assert cli.__file__.startswith({str(folder)!r})
cli.main()
"""
    return subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False)


def test_an_exact_test_of_1000_pairs_takes_less_than_a_second(installed: Path) -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = gate_alone(installed, "gate", "a.csv", "b.csv")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert (done.returncode, done.stdout[:22]) == (0, "promote: +5.00 points "), done.stderr
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 1, "of the processor's time"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("run", "x"), "`run` is not installed; it is of teleprompt-airflow."),
        (("gate", "runs:/a", "runs:/b"), "runs:/a can be read where teleprompt-airflow is installed"),
        (("gate", "a.csv", "b.csv", "--trial", "t.json", "--window", "1"), "pip install 'teleprompt-gate["),
    ],
)
def test_what_is_not_installed_is_said_in_one_line(installed: Path, arguments: tuple[str, ...], told: str) -> None:
    done = gate_alone(installed, *arguments)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert told in done.stderr


def test_the_help_lists_what_is_installed(installed: Path) -> None:
    shown = gate_alone(installed, "--help").stdout
    assert ("gate" in shown, "doctor" in shown) == (True, False)


def test_the_gate_and_all_that_it_depends_on_weigh_less_than_60_mb(wheels: list[Path]) -> None:
    waiting, seen = [Requirement(line) for line in project(GATE)["dependencies"]], set()
    size = sum(info.file_size for info in zipfile.ZipFile(wheels[0]).infolist())
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        if name in seen or (requirement.marker and not requirement.marker.evaluate({"extra": ""})):
            continue
        seen.add(name)
        distribution = metadata.distribution(name)
        size += sum(Path(file.locate()).stat().st_size for file in distribution.files or () if file.locate().exists())
        waiting += map(Requirement, distribution.requires or ())
    assert {"pydantic-core", "click", "rich"} & seen
    assert size < 60_000_000
