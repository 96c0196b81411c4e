"""What `dspy.Evaluate` saves is read as it is."""

import json
from pathlib import Path

import dspy
import pytest

from teleprompt.errors import ConfigurationError
from teleprompt.score_files.columns import Columns
from teleprompt.score_files.pairing import pair
from teleprompt.score_files.scores import read_scores

QUESTIONS = [f"What is {i}, really?\nSay it." for i in range(12)]


class Answers(dspy.Module):
    """Answers the questions from some number on; fails at the first."""

    def __init__(self, known_from: int) -> None:
        super().__init__()
        self.known_from = known_from

    def forward(self, question: str) -> dspy.Prediction:
        number = int(question.split()[2].rstrip(","))
        if number == 0:
            raise ValueError("no answer")
        return dspy.Prediction(answer=str(number) if number >= self.known_from else "?")


def exact(example: dspy.Example, prediction: dspy.Prediction, trace: object = None) -> bool:
    return example.answer == prediction.answer


@pytest.mark.parametrize("kind", ["json", "csv"])
def test_two_evaluations_pair_by_their_questions(kind: str, tmp_path: Path) -> None:
    examples = [dspy.Example(question=q, answer=str(i)).with_inputs("question") for i, q in enumerate(QUESTIONS)]
    evaluate = dspy.Evaluate(devset=examples[1:], metric=exact, num_threads=1, provide_traceback=False)
    for name, known_from in (("a", 6), ("b", 2)):
        evaluate(Answers(known_from), **{f"save_as_{kind}": str(tmp_path / f"{name}.{kind}")})
    named, known = Columns(id="question", score="exact"), Columns()
    for columns, ids in ((named, QUESTIONS[1:]), (known, [_named(i) for i in range(1, 12)])):
        pairs = pair(*(read_scores(tmp_path / f"{name}.{kind}", columns) for name in ("a", "b")))
        assert sorted(pairs.ids) == sorted(ids)
        assert (sum(pairs.baseline_e6), sum(pairs.candidate_e6)) == (6_000_000, 10_000_000)


def _named(number: int) -> str:
    return json.dumps({"answer": str(number), "question": QUESTIONS[number]})


def test_an_answer_that_failed_is_of_the_same_example_and_scores_0(tmp_path: Path) -> None:
    examples = [dspy.Example(question=q, answer=str(i)).with_inputs("question") for i, q in enumerate(QUESTIONS)]
    evaluate = dspy.Evaluate(devset=[*examples[1:], examples[0]], metric=exact, num_threads=1, max_errors=5)
    evaluate(Answers(6), save_as_json=str(tmp_path / "a.json"))
    scores = read_scores(tmp_path / "a.json", Columns())
    assert (scores.ids[-1], scores.scores_e6[-1]) == (_named(0), 0)


def test_examples_that_look_alike_ask_for_the_input(tmp_path: Path) -> None:
    rows = [{"example_answer": "yes", "question": q, "pred_answer": "yes", "exact": 1} for q in QUESTIONS]
    (tmp_path / "a.json").write_text(json.dumps(rows))
    with pytest.raises(ConfigurationError, match=r"has the example .* twice, as far as it shows; name the column"):
        read_scores(tmp_path / "a.json", Columns())
    assert read_scores(tmp_path / "a.json", Columns(id="question", score="exact")).ids == QUESTIONS
