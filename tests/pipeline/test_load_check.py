"""A version is loaded and called where nothing lies but its own files, before an alias points at it."""

import inspect
import json
import os
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

import dspy
import pytest

from teleprompt.config.settings import LMConfig, Settings
from teleprompt.errors import ConfigurationError
from teleprompt.lm.build import build_lm
from teleprompt.pipeline.pipeline import Pipeline
from teleprompt.pipeline.whole_run import run_all_stages
from teleprompt.registry.listing import list_versions
from teleprompt.serving.load import load_program
from teleprompt.tracking.connection import mlflow_client
from tests.support import PROGRAM_CODE, WEEK, local_signer, log_shelf_calls

PACKAGE = {
    "shelves.yaml": "name: Shelves\noptimization: {min_traces: 20}\ngate: {metric: 'scoring:same'}\n",
    "shelves.py": """
        import inspect
        from pathlib import Path
        import dspy
        from shelf_words import LABELS
        from .signature import Sort
        from include.programs.shelves.lib.clean import clean

        class Shelves(dspy.Module):
            def __init__(self):
                super().__init__()
                text = (Path(__file__).parent / "prompts" / "sort.txt").read_text()
                self.sort = dspy.Predict(Sort.with_instructions(text))

            def forward(self, thing: str):
                assert "def clean" in inspect.getsource(clean)
                answer = self.sort(thing=clean(thing))
                assert answer.shelf in LABELS
                return answer

        def build():
            return Shelves()
    """,
    "signature.py": """
        from typing import Literal
        import dspy

        class Sort(dspy.Signature):
            thing: str = dspy.InputField()
            shelf: Literal["left", "right"] = dspy.OutputField()
    """,
    "shelf_words.py": "LABELS = ('left', 'right')\n",
    "lib/clean.py": "def clean(text):\n    return text.strip()\n",
    "prompts/sort.txt": "Say which shelf the thing belongs on.",
    "scoring.py": "def same(example, prediction, trace=None):\n    return float(example.shelf == prediction.shelf)\n",
}


def lay(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(textwrap.dedent(text))
    return folder


def run(settings: Settings, file: Path) -> None:
    signed = settings.model_copy(update={"signer": local_signer(), "programs_dir": file.parent.parent})
    run_all_stages(Pipeline.of_file(file, settings=signed, window=WEEK))


def test_a_package_is_promoted_and_served_from_its_version_alone(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setenv("TMPDIR", str(scratch))
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    log_shelf_calls(settings, count=160)
    folder = lay(tmp_path / "project" / "include" / "programs" / "shelves", PACKAGE)
    run(settings, folder / "shelves.yaml")
    with mlflow_client(settings.tracking_uri) as client:
        versions = list_versions(client, "Shelves")
    assert [version.aliases for version in versions] == [("champion",), ("previous",)]
    assert not [place for place in scratch.iterdir() if place.name.startswith("teleprompt-")]
    for file in folder.rglob("*"):
        if file.is_file():
            file.write_text("gone")  # what is served is what was registered

    monkeypatch.setenv("TELEPROMPT_TRACKING_URI", settings.tracking_uri.get_secret_value())
    for alias in ("champion", "previous"):
        program = load_program("Shelves", alias)
        assert "class Shelves" in inspect.getsource(type(program))
        with dspy.context(lm=build_lm(LMConfig())):
            assert program(thing="wooden thing").shelf in {"left", "right"}

    # By MLflow alone, in a process that knows nothing of this package.
    code = """
import json, sys, dspy, mlflow
from dspy.utils import DummyLM
model = mlflow.pyfunc.load_model("models:/Shelves@champion")
with dspy.context(lm=DummyLM([{"shelf": "left"}])):
    print(json.dumps([model.predict([{"thing": " wooden thing "}]), "teleprompt" in sys.modules]))
"""
    served = subprocess.run(
        [sys.executable, "-P", "-W", "ignore", "-c", code],
        cwd=tmp_path,
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "MLFLOW_TRACKING_URI": settings.tracking_uri.get_secret_value(),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert served.returncode == 0, served.stderr[-2000:]
    assert json.loads(served.stdout.splitlines()[-1]) == [[{"shelf": "left"}], False]


SHELVES = """
from pathlib import Path

class Shelves(dspy.Module):
    def __init__(self):
        super().__init__()
        self.sort = dspy.Predict(Sort)

    def forward(self, thing: str):
        return self.sort(thing=thing)

def build():
    return Shelves()
"""
READ = "Path('shelf.txt').read_text()"


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        (SHELVES + READ, r"Shelves 1\.0\.0 cannot be imported .*shelf\.txt"),
        (
            SHELVES.replace("thing=thing", f"thing=thing + {READ}"),
            r"could not be called there \(FileNotFoundError: shelf\.txt\); put what the program reads into a folder",
        ),
    ],
    ids=["while it is imported", "while it is called"],
)
def test_what_lies_elsewhere_is_missed_before_the_version_is_one(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, problem: str
) -> None:
    log_shelf_calls(settings, count=60)
    signature = PROGRAM_CODE.partition("def build")[0]
    yaml = "name: Shelves\noptimization: {min_traces: 20}\n"
    folder = lay(tmp_path / "programs" / "shelves", {"shelves.yaml": yaml, "shelves.py": signature + code})
    here = lay(tmp_path / "where it is run", {"shelf.txt": "!"})
    monkeypatch.chdir(here)
    with pytest.raises(ConfigurationError, match=problem):
        run(settings, folder / "shelves.yaml")
    with mlflow_client(settings.tracking_uri) as client:
        assert list_versions(client, "Shelves") == []
