"""A metric is tried on a logged answer before a model is paid."""

from pathlib import Path

import pytest

from teleprompt.config.gate import GateConfig
from teleprompt.errors import TelepromptError
from teleprompt.evaluate.judging import Judging
from tests.support import trace_row, typed_fields


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("return None", "The metric raised TypeError"),
        ("return example.nothing", "The metric raised AttributeError"),
        ("return 2.0", "from 0 to 1"),
        ("return {'a': 1.0, 'b': 1.0}", "weight them in `gate.objective`"),
    ],
)
def test_a_metric_that_gives_no_score_is_refused(tmp_path: Path, body: str, problem: str) -> None:
    (tmp_path / "mine.py").write_text(f"def score(example, prediction): {body}\n")
    judging = Judging(GateConfig(metric="mine:score"), (tmp_path,))
    with pytest.raises(TelepromptError, match=problem):
        judging.try_out([trace_row()], typed_fields())


def test_it_is_given_the_programs_own_values(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("def score(example, prediction): return float(prediction.grade is True)\n")
    row = trace_row(outputs={"grade": '"true"'})
    Judging(GateConfig(metric="mine:score"), (tmp_path,)).try_out([row], typed_fields(grade=bool))


def test_a_judge_is_not_asked(tmp_path: Path) -> None:
    Judging(GateConfig(metric="judge"), (tmp_path,)).try_out([trace_row()], typed_fields())
