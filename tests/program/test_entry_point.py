import sys
from pathlib import Path

import pytest

from teleprompt.config.files import ProgramFileError
from teleprompt.errors import ConfigurationError
from teleprompt.program.code import function_code
from teleprompt.program.entry_point import build_program, check_entry_point, load_function
from teleprompt.program.source import ProgramFile
from tests.support import write_program


def test_a_program_is_built_from_its_file(tmp_path: Path) -> None:
    declared = ProgramFile(write_program(tmp_path), "shelves:build").build().signature.declared
    assert [(f.name, f.type) for f in declared.inputs] == [("thing", "str")]
    assert [(f.name, f.type) for f in declared.outputs] == [("shelf", "Literal['left', 'right']")]


@pytest.mark.parametrize(
    ("code", "entry_point", "problem"),
    [
        ("x = 1\n", "shelves:build", "defines no 'build'"),
        ("def build(:\n", "shelves:build", "not valid Python"),
        (f"build = {'-' * 100_000}1\n", "shelves:build", "not valid Python"),
        (
            "import nowhere_to_be_found\ndef build(): ...\n",
            "shelves:build",
            "shelves.py:1: imports 'nowhere_to_be_found'",
        ),
        ("def build(): ...\n", "elsewhere:build", "there is no elsewhere.py"),
    ],
)
def test_a_broken_entry_point_is_named_without_importing_it(
    tmp_path: Path, code: str, entry_point: str, problem: str
) -> None:
    file = write_program(tmp_path, code=f"{code}\nimport sys\nsys.modules['imported_it'] = sys\n")
    with pytest.raises(ProgramFileError, match=problem):
        check_entry_point(file, entry_point)
    assert "imported_it" not in sys.modules


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        ("from dspy import NoSuchThing\ndef build(): ...\n", "cannot be imported .ImportError"),
        ("raise RuntimeError('boom')\ndef build(): ...\n", "RuntimeError: boom"),
        ("def build(): raise ValueError('bad luck')\n", "raised ValueError: bad luck"),
        ("def build(): return 3\n", "must return a dspy.Module"),
    ],
)
def test_what_only_shows_when_it_runs_is_a_clear_error_too(tmp_path: Path, code: str, problem: str) -> None:
    with pytest.raises(ConfigurationError, match=problem):
        build_program(write_program(tmp_path, code=code), "shelves:build")


TUTORIAL = """
import dspy


class Emotion(dspy.Signature):
    sentence: str = dspy.InputField()
    feeling: str = dspy.OutputField()


class Ask(dspy.Module):
    def forward(self, sentence):
        return classify(sentence=sentence)


def helper(text):
    return text


classify = dspy.Predict(Emotion)
"""


def test_a_program_that_a_tutorial_leaves_at_the_top_of_its_file_is_taken_and_asks_nothing(tmp_path: Path) -> None:
    file = write_program(tmp_path, code=TUTORIAL)
    first, second = (build_program(file, "shelves:classify") for _ in range(2))
    assert list(first.signature.fields) == ["sentence", "feeling"]
    first.demos.append({"sentence": "a", "feeling": "b"})
    assert second.demos == []


def test_what_the_file_has_in_place_of_build_is_proposed(tmp_path: Path) -> None:
    with pytest.raises(ProgramFileError) as refused:
        check_entry_point(write_program(tmp_path, code=TUTORIAL), "shelves:build")
    assert str(refused.value).endswith(
        "shelves.py defines no 'build'; name a function, class or program that it defines; write "
        "`entry_point: shelves:Ask` or `entry_point: shelves:classify`, if that gives the program."
    )


def test_an_edited_file_is_imported_anew(tmp_path: Path) -> None:
    (tmp_path / "metrics.py").write_text("def score(e, p, trace=None): return 0.25\n")
    assert load_function(function_code("metrics:score", [tmp_path]))(None, None) == 0.25
    (tmp_path / "metrics.py").write_text("def score(e, p, trace=None): return 0.75\n")
    assert load_function(function_code("metrics:score", [tmp_path]))(None, None) == 0.75
    with pytest.raises(ConfigurationError, match="defines no function"):
        load_function(function_code("metrics:other", [tmp_path]))
