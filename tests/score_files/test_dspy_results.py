"""What `dspy.Evaluate` saves is read as it is, with the question as the id."""

from pathlib import Path

import dspy
import pytest

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
    columns = Columns(id="question", score="exact")
    pairs = pair(*(read_scores(tmp_path / f"{name}.{kind}", columns) for name in ("a", "b")))
    assert sorted(pairs.ids) == sorted(QUESTIONS[1:])
    assert (sum(pairs.baseline_e6), sum(pairs.candidate_e6)) == (6_000_000, 10_000_000)
