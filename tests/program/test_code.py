"""What belongs to a program, and how it is imported."""

import inspect
from pathlib import Path

import pytest

from teleprompt.config.files import ProgramFileError, load_program_file, program_files, slug_of
from teleprompt.encoding.canonical_json import sha256_hex
from teleprompt.errors import ConfigurationError
from teleprompt.program.code import ProgramCode, code_of, function_code


def lay(folder: Path, files: dict[str, str]) -> Path:
    """Files of a folder, by place."""
    for name, text in files.items():
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
    return folder


def code(folder: Path, file: str) -> ProgramCode:
    config = load_program_file(folder / file, environ={})
    return code_of(folder / file, config.entry_point)


def test_of_a_file_among_others_what_it_needs_belongs_to_it(tmp_path: Path) -> None:
    lay(
        tmp_path,
        {
            "bot.yaml": "name: Bot",
            "bot.py": "from pathlib import Path\nfrom texts import PROMPT\n"
            "STATE = Path(__file__).with_name('bot.json')\ndef build(): from late import x\n",
            "texts.py": "from .words import a\nfrom pathlib import Path\nPROMPT = Path('prompts')",
            "words.py": "a = 1",
            "late.py": "x = 1",
            "bot.json": "{}",
            "prompts/ask.txt": "Ask.",
            "other.yaml": "name: Other",
            "other.py": "",
            "notes.txt": "",
        },
    )
    found = code(tmp_path, "bot.yaml")
    assert found.files == ("bot.json", "bot.py", "late.py", "prompts/ask.txt", "texts.py", "words.py")
    assert tmp_path / "bot.json" == found.load().STATE


@pytest.mark.parametrize("file", ["bot/bot.yaml", "bot/program.yaml"])
@pytest.mark.parametrize("main", ["bot.py", "program.py", "__init__.py"])
def test_all_of_a_folder_of_its_own_belongs_to_a_program(tmp_path: Path, file: str, main: str) -> None:
    folder = tmp_path / "programs"
    lay(folder / "bot", {main: "def build(): ...\n", "prompts/ask.txt": "Ask.", "helpers.py": "", "cache.pyc": ""})
    lay(folder / "bot" / "__pycache__", {"x.py": ""})
    lay(folder / "bot" / ".git", {"config.py": ""})
    (folder / file).write_text("name: Bot")
    assert program_files(folder) == [folder / file]
    assert (slug_of(folder / file), load_program_file(folder / file).slug) == ("bot", "bot")
    assert code(folder, file).files == tuple(sorted([main, "helpers.py", "prompts/ask.txt"]))


def test_a_folder_without_a_program_file_of_its_own_is_no_program(tmp_path: Path) -> None:
    lay(tmp_path, {"bot.yaml": "name: Bot", "prompts/ask.yaml": "text: Ask.", "bot/other.yaml": ""})
    assert program_files(tmp_path) == [tmp_path / "bot.yaml"]


def test_an_entry_point_may_lie_deeper(tmp_path: Path) -> None:
    lay(tmp_path, {"bot.yaml": "name: Bot\nentry_point: lib.main:build", "lib/main.py": "def build(): return 3\n"})
    found = code(tmp_path, "bot.yaml")
    found.check(tmp_path / "bot.yaml")
    assert (found.files, found.load().build()) == (("lib/main.py",), 3)


IMPORTS = {
    "relative": "from .helpers import clean",
    "relative module": "from . import helpers\nclean = helpers.clean",
    "absolute": "from helpers import clean",
    "module": "import helpers\nclean = helpers.clean",
    "module by another name": "import helpers as h\nclean = h.clean",
    "deep": "import lib.deep\nclean = lib.deep.clean",
    "deep by another name": "import lib.deep as d\nclean = d.clean",
    "by the folder's name": "from bot.helpers import clean",
    "from the project": "from include.programs.bot.helpers import clean",
    "everything": "from helpers import *",
    "in a function": "def clean(x):\n    from helpers import clean\n    return clean(x)",
}


@pytest.mark.parametrize("statement", IMPORTS.values(), ids=IMPORTS)
def test_its_modules_import_each_other_as_people_write_it(tmp_path: Path, statement: str) -> None:
    folder = lay(
        tmp_path / "include" / "programs" / "bot",
        {
            "bot.yaml": "name: Bot",
            "bot.py": f"{statement}\ndef build(): return clean(' a ')\n",
            "helpers.py": "def clean(x): return x.strip()\n",
            "lib/__init__.py": "",
            "lib/deep.py": "from ..helpers import clean\n",
        },
    )
    found = code(folder, "bot.yaml")
    found.check(folder / "bot.yaml")
    module = found.load()
    assert module.build() == "a"
    assert "def build" in inspect.getsource(module.build)


def test_a_module_called_as_one_of_pythons_own_or_as_a_library_does_not_stand_in_its_way(tmp_path: Path) -> None:
    lay(
        tmp_path,
        {
            "yaml.yaml": "name: Yaml",
            "yaml.py": "import yaml\nfrom json import dumps\ndef build(): return dumps(yaml.safe_load('1'))\n",
            "json.py": "",
        },
    )
    found = code(tmp_path, "yaml.yaml")
    assert (found.files, found.load().build()) == (("yaml.py",), "1")


BUILDERS = {
    "in branches": "try:\n    from fast import build\nexcept ImportError:\n    def build(): return 3\n",
    "with a condition": "if True:\n    def build(): return 3\n",
    "by a star": "from helpers import *\n",
    "one of two": "build, other = (lambda: 3), None\n",
}


@pytest.mark.parametrize("source", BUILDERS.values(), ids=BUILDERS)
def test_a_builder_is_found_however_it_is_defined(tmp_path: Path, source: str) -> None:
    lay(tmp_path, {"bot.yaml": "name: Bot", "bot.py": source, "helpers.py": "def build(): return 3\n"})
    found = code(tmp_path, "bot.yaml")
    found.check(tmp_path / "bot.yaml")
    assert found.load().build() == 3


def test_files_are_found_as_resources_of_the_package(tmp_path: Path) -> None:
    source = (
        "from importlib.resources import files\ndef build(): return files(__package__).joinpath('a.txt').read_text()\n"
    )
    folder = lay(tmp_path / "bot", {"bot.yaml": "name: Bot", "bot.py": source, "a.txt": "Ask."})
    assert code(folder, "bot.yaml").load().build() == "Ask."


def test_the_main_module_and_its_folder_may_have_one_name(tmp_path: Path) -> None:
    files = {"bot.yaml": "name: Bot", "bot.py": "X = 3\ndef build(): ...\n", "scoring.py": "from bot import X\n"}
    folder = lay(tmp_path / "bot", files)
    found = code_of(folder / "bot.yaml", "scoring:X")
    found.check(folder / "bot.yaml")
    assert found.load().X == 3


def test_a_folder_of_data_hides_no_library_and_a_key_carries_no_folder(tmp_path: Path) -> None:
    source = "from packaging.version import Version\nx = {'data': 1}\ndef build(): return str(Version('1'))\n"
    lay(
        tmp_path,
        {"bot.yaml": "name: Bot", "bot.py": source, "packaging/prepare.py": "", "data/customers.csv": "secret"},
    )
    found = code(tmp_path, "bot.yaml")
    assert (found.files, found.load().build()) == (("bot.py",), "1")


def test_two_programs_with_modules_of_the_same_name_stand_beside_each_other(tmp_path: Path) -> None:
    for name in ("left", "right"):
        lay(
            tmp_path / name,
            {
                f"{name}.yaml": f"name: {name}",
                f"{name}.py": "import helpers\ndef build(): return helpers.SIDE\n",
                "helpers.py": f"SIDE = {name!r}\n",
            },
        )
    built = [code(tmp_path / name, f"{name}.yaml").load().build() for name in ("left", "right", "left")]
    assert built == ["left", "right", "left"]


def test_what_is_not_carried_cannot_be_imported(tmp_path: Path) -> None:
    lay(tmp_path, {"bot.yaml": "name: Bot", "bot.py": "import importlib\ndef build(): ...\n", "hidden.py": ""})
    module = code(tmp_path, "bot.yaml").load()
    with pytest.raises(ModuleNotFoundError):
        __import__(f"{module.__name__.partition('.')[0]}.hidden")


def test_the_digest_covers_every_file_and_of_one_file_it_is_that_files(tmp_path: Path) -> None:
    folder = lay(tmp_path / "bot", {"bot.yaml": "name: Bot", "bot.py": "def build(): ...\n"})
    alone = code(folder, "bot.yaml").digest
    assert alone == sha256_hex(b"def build(): ...\n")
    lay(folder, {"prompts/ask.txt": "Ask."})
    with_prompt = code(folder, "bot.yaml").digest
    lay(folder, {"prompts/ask.txt": "Ask!"})
    assert len({alone, with_prompt, code(folder, "bot.yaml").digest}) == 3
    lay(folder, {"bot.yaml": "name: Bot\nschedule: daily"})
    assert code(folder, "bot.yaml").digest not in {alone, with_prompt}


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("from .nothing import x", "imports 'nothing.x', which does not lie beside it"),
        ("from helpers.nothing import x", "imports 'helpers.nothing.x'"),
        ("import nowhere_to_be_found", "'nowhere_to_be_found', which is not installed"),
        ("from broken import x", "broken.py:1: is not valid Python"),
    ],
)
def test_an_import_that_cannot_work_is_said_before_anything_runs(tmp_path: Path, source: str, problem: str) -> None:
    lay(
        tmp_path, {"bot.yaml": "name: Bot", "bot.py": f"{source}\ndef build(): ...\n", "broken.py": "def :\n",
        "helpers/__init__.py": ""})  # fmt: skip
    with pytest.raises(ProgramFileError, match=problem):
        code(tmp_path, "bot.yaml").check(tmp_path / "bot.yaml")


def test_a_metric_lies_beside_its_program_or_among_the_programs(tmp_path: Path) -> None:
    lay(tmp_path, {"scoring.py": "def same(e, p): return 0.5\n", "bot/bot.yaml": "name: Bot", "bot/bot.py": ""})
    folders = (tmp_path / "bot", tmp_path)
    assert function_code("scoring:same", folders).root == tmp_path
    lay(tmp_path, {"bot/scoring.py": "from labels import x\ndef same(e, p): return x\n", "bot/labels.py": "x = 1.0\n"})
    found = function_code("scoring:same", folders)
    assert (found.root, found.load().same(None, None)) == (tmp_path / "bot", 1.0)
    with pytest.raises(ConfigurationError, match="names no function"):
        function_code("nothing:same", folders)
