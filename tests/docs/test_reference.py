"""The generated pages say what the code says, and lead nowhere wrong."""

import re
import subprocess
import sys

import pytest

from dev.reference.fields import Fields, anchor, table
from teleprompt.config.program import ProgramConfig
from teleprompt.config.settings import Settings
from tests import REPOSITORY

PAGES = ("configuration", "cli", "api")


def page(name: str) -> str:
    return (REPOSITORY / f"docs/reference/{name}.md").read_text()


@pytest.mark.slow
@pytest.mark.parametrize("name", PAGES)
def test_the_page_is_current(name: str) -> None:
    made = [sys.executable, "-m", f"dev.reference.{name}"]
    done = subprocess.run(made, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert done.stdout == page(name), "run `make reference`"


@pytest.mark.parametrize("name", PAGES)
def test_links_within_the_page_lead_to_a_heading_that_is_there_once(name: str) -> None:
    headings = [anchor(heading) for heading in re.findall(r"^#+ (.*)$", page(name), flags=re.MULTILINE)]
    for target in set(re.findall(r"\]\(#([^)]+)\)", page(name))):
        assert headings.count(target) == 1, target


def test_every_key_has_a_meaning_or_a_section() -> None:
    own_table = page("configuration").partition("\n### ")[0]
    for key in set(ProgramConfig.model_fields) - {"slug"}:
        (row,) = re.findall(rf"^\| `{key}` \|.*\| (.*) \|$", own_table, flags=re.MULTILINE)
        assert row, key


def test_every_setting_is_there_with_its_variable() -> None:
    for field in Settings.model_fields:
        assert f"`TELEPROMPT_{field.upper()}" in page("configuration"), field


def test_every_route_says_what_it_asks_for() -> None:
    routes = re.findall(r"^### (?:GET|POST|PUT) .*?(?=^##)", page("api"), flags=re.MULTILINE | re.DOTALL)
    assert len(routes) > 20
    assert [route for route in routes if "Permission: " not in route] == []


def test_bars_and_line_breaks_stay_in_their_cell() -> None:
    assert table(("a", "b"), [("`x` | `y`", "one\ntwo | three")]).splitlines()[2] == "| `x`, `y` | one two, three |"


def test_types_are_words_with_their_limits() -> None:
    fields = Fields({"Deep": {"enum": ["a", "b"]}, "Known": {}}, {"Known": "known.things"})
    assert fields.type_of({"type": "integer", "minimum": 1, "maximum": 16}) == "whole number from 1 to 16"
    assert fields.type_of({"anyOf": [{"type": "number"}, {"type": "null"}]}) == "number or null"
    assert fields.type_of({"$ref": "#/$defs/Deep"}) == "`a`, `b`"
    assert (
        fields.type_of({"type": "array", "items": {"$ref": "#/$defs/Known"}}) == "list of [known.things](#knownthings)"
    )
