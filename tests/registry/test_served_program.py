"""What the model file of a version makes of an answer."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dspy
import pytest
from pydantic import BaseModel

from teleprompt.program.code import code_beside
from teleprompt.program.fields import ProgramFields
from teleprompt.program.state import dump_state
from teleprompt.registry import served_with
from teleprompt.registry.served_program import ServedProgram, _outputs
from teleprompt.registry.version_files import VersionFiles
from teleprompt.strategies.composition import ensemble, other_members, show_nearest


class Verdict(BaseModel):
    label: str
    score: int


@pytest.mark.parametrize(
    ("answer", "names", "outputs"),
    [
        (dspy.Prediction(label="a", reasoning="so"), ["label"], {"label": "a"}),
        (dspy.Prediction(label="a"), [], {"label": "a"}),
        ({"label": "a", "length": 1}, ["label", "length"], {"label": "a", "length": 1}),
        (Verdict(label="a", score=1), ["label", "score"], {"label": "a", "score": 1}),
        ("a text", ["output"], {"output": "a text"}),
        ("a text", [], {"output": "a text"}),
    ],
    ids=["a prediction", "of open outputs", "a mapping", "a model", "a text", "a text of open outputs"],
)
def test_an_answer_is_served_by_its_outputs(answer: Any, names: list[str], outputs: dict[str, Any]) -> None:
    assert _outputs(answer, names) == outputs


def test_a_state_means_the_same_where_the_version_is_served(tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text("import dspy\n\ndef build():\n    return dspy.Predict('q -> a')\n")
    members = [dspy.Predict("q -> a") for _ in range(3)]
    for number, member in enumerate(members):
        member.demos = [{"q": f"question {number}", "a": "yes"}, {"q": "another", "a": "no"}]
        show_nearest(member, 1)
    state = dump_state(ensemble(members[0], members[1:], fields=["a"]))
    files = VersionFiles.of(
        code_beside(tmp_path, "shop", "build"), fields=ProgramFields(inputs=(), outputs=()), state=state
    )
    (tmp_path / "version").mkdir()
    served = ServedProgram()
    served.load_context(SimpleNamespace(artifacts={**files.write(tmp_path / "version"), **served_with()}))
    assert dump_state(served.program) == state
    assert len(other_members(served.program)[0]) == 2
