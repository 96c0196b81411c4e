from decimal import Decimal
from pathlib import Path
from typing import Literal

import dspy
import pytest

from teleprompt.config.gate import AGREEMENT, EXACT, F1, JudgeConfig
from teleprompt.errors import ConfigurationError
from teleprompt.evaluate.examples import to_examples
from teleprompt.evaluate.metrics import Metric, build_metric, exact_scores, mean_of_fields
from teleprompt.evaluate.objective import Objective
from teleprompt.evaluate.self_agreement import check_self_agreement
from tests.support import trace_row, typed_fields


def built(name: str, programs_dir: Path) -> Metric:
    typed = typed_fields(label=Literal["hot", "cold"], text=str)
    return build_metric(name, typed=typed, folders=[programs_dir], judge=JudgeConfig(), judge_lm=None)


EXAMPLE = dspy.Example(label="hot", text="call me on Monday")


def test_agreement_is_whole_for_categories_and_by_words_for_texts(tmp_path: Path) -> None:
    metric = built(AGREEMENT, tmp_path)
    assert metric(EXAMPLE, dspy.Prediction(label=" HOT", text="call me on monday")) == 1.0
    assert metric(EXAMPLE, dspy.Prediction(label="cold", text="call me on monday")) == 0.5
    assert metric(EXAMPLE, dspy.Prediction(label="cold", text="nothing in common")) == 0.0
    assert metric(EXAMPLE, dspy.Prediction()) == 0.0


def test_exact_asks_for_the_same_words_in_their_order(tmp_path: Path) -> None:
    metric = built(EXACT, tmp_path)
    assert metric(EXAMPLE, dspy.Prediction(label="hot", text="Call  me on Monday")) == 1.0
    assert metric(EXAMPLE, dspy.Prediction(label="hot", text="on Monday call me")) == 0.0


def test_f1_compares_the_words_of_every_field(tmp_path: Path) -> None:
    assert built(F1, tmp_path)(EXAMPLE, dspy.Prediction(label="hot", text="call me")) == pytest.approx(5 / 6)


def test_f1_compares_what_is_no_text_by_its_type(tmp_path: Path) -> None:
    typed = typed_fields(price=Decimal)
    metric = build_metric(F1, typed=typed, folders=[tmp_path], judge=JudgeConfig(), judge_lm=None)
    assert metric(dspy.Example(price=Decimal("1.50")), dspy.Prediction(price="1.5")) == 1.0


def test_a_field_may_be_called_as_dspys_own_argument() -> None:
    typed = typed_fields(base=str)
    (example,) = to_examples([trace_row(outputs={"base": "camp"})], typed)
    assert example.labels().toDict() == {"base": "camp"}
    check_self_agreement([trace_row(outputs={"base": "camp"})], typed, Objective(mean_of_fields(exact_scores(typed))))


@pytest.mark.parametrize(
    "answer",
    [{"label": "hot", "text": "call me on Monday"}, dspy.Prediction(label="hot", text="call me on Monday", more=1)],
    ids=["a mapping", "a prediction"],
)
def test_an_answer_may_be_a_prediction_or_a_mapping(answer: object, tmp_path: Path) -> None:
    assert built(AGREEMENT, tmp_path)(EXAMPLE, answer) == 1.0


def test_a_users_own_metric_is_named_by_its_path(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("def always(example, prediction, trace=None): return 1.0\n")
    assert built("mine:always", tmp_path)(None, None) == 1.0
    with pytest.raises(ConfigurationError, match="defines no function"):
        built("mine:never", tmp_path)
