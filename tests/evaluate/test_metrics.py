from pathlib import Path

import dspy
import pytest

from teleprompt.config.gate import AGREEMENT, JudgeConfig
from teleprompt.errors import ConfigurationError
from teleprompt.evaluate.metrics import Metric, build_metric, token_f1
from teleprompt.program.fields import Field, ProgramFields

FIELDS = ProgramFields(
    inputs=(),
    outputs=(
        Field(name="label", is_text=False, is_categorical=True),
        Field(name="text", is_text=True, is_categorical=False),
    ),
)


def built(name: str, programs_dir: Path) -> Metric:
    return build_metric(name, fields=FIELDS, programs_dir=programs_dir, judge=JudgeConfig(), judge_lm=None)


def test_agreement_is_whole_for_categories_and_by_words_for_texts(tmp_path: Path) -> None:
    metric = built(AGREEMENT, tmp_path)
    example = dspy.Example(label="hot", text="call me on Monday")
    assert metric(example, dspy.Prediction(label=" HOT", text="call me on monday")) == 1.0
    assert metric(example, dspy.Prediction(label="cold", text="call me on monday")) == 0.5
    assert metric(example, dspy.Prediction(label="cold", text="nothing in common")) == 0.0
    assert metric(example, dspy.Prediction()) == 0.0


@pytest.mark.parametrize(
    ("wanted", "given", "score"),
    [("a b c d", "a b", 2 / 3), ("a", "b", 0.0), ("", "", 1.0), ("a", "", 0.0), ("a a b", "a b b", 2 / 3)],
)
def test_token_f1(wanted: str, given: str, score: float) -> None:
    assert token_f1(wanted, given) == pytest.approx(score)


def test_a_users_own_metric_is_named_by_its_path(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("def always(example, prediction, trace=None): return 1.0\n")
    assert built("mine:always", tmp_path)(None, None) == 1.0
    with pytest.raises(ConfigurationError, match="names no function"):
        built("mine:never", tmp_path)
