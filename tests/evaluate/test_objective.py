"""From a metric to one number."""

import dspy
import pytest

from teleprompt.errors import ConfigurationError
from teleprompt.evaluate.examples import to_examples
from teleprompt.evaluate.objective import Objective, arity
from teleprompt.evaluate.score import score_program
from tests.support import trace_row, typed_fields

EXAMPLE = dspy.Example(question="q", answer="yes").with_inputs("question")
ANSWER = dspy.Prediction(answer="yes")


def test_a_metric_may_take_two_three_or_five_arguments() -> None:
    assert arity(lambda _example, _prediction: 1.0) == 2
    assert arity(lambda _example, _prediction, _trace=None: 1.0) == 3
    assert arity(lambda _gold, _pred, _trace, _name, _name_trace: 1.0) == 5
    with pytest.raises(ConfigurationError, match=r"must take \(example, prediction\)"):
        arity(lambda _only: 1.0)


def test_several_named_scores_are_weighted_and_all_are_kept() -> None:
    def metric(example, prediction):
        return {"right": float(example.answer == prediction.answer), "short": 0.5, "polite": 0.25}

    objective = Objective(metric, {"right": 3, "short": 1})
    assert objective(EXAMPLE, ANSWER) == (3 * 1 + 1 * 0.5) / 4

    class Yes(dspy.Module):
        def forward(self, question: str) -> dspy.Prediction:
            return dspy.Prediction(answer="yes")

    (answer,) = score_program(Yes(), [EXAMPLE], objective, lm=None, num_threads=1).answers
    assert answer.parts_e6 == {"polite": 250_000, "right": 1_000_000, "short": 500_000}
    assert answer.score_e6 == 875_000


def test_weights_and_names_must_fit() -> None:
    with pytest.raises(ConfigurationError, match=r"several scores .*weight them in `gate.objective`"):
        Objective(lambda _e, _p: {"a": 1, "b": 0})(EXAMPLE, ANSWER)
    with pytest.raises(ConfigurationError, match=r"no score 'c', which `gate.objective` weights"):
        Objective(lambda _e, _p: {"a": 1}, {"c": 1})(EXAMPLE, ANSWER)


def test_feedback_is_the_metrics_own_or_says_what_was_wanted() -> None:
    own = Objective(lambda *_: dspy.Prediction(score=0.5, feedback="shorter"))
    assert own.with_feedback(EXAMPLE, ANSWER, None, "predict", None).feedback == "shorter"
    plain = Objective(lambda _e, _p: 0.0).with_feedback(EXAMPLE, ANSWER, None, "predict", None)
    assert plain.score == 0
    assert plain.feedback == "Wanted: answer: yes. Reached: score 0.00 of 1."


def test_feedback_tells_what_became_of_the_logged_answer_and_what_its_reviewer_said() -> None:
    row = trace_row(outcomes={"resolved": 0.5}, rationale="Too long.")
    (example,) = to_examples([row], typed_fields())
    assert Objective(lambda _e, _p: 0.5).with_feedback(example, ANSWER).feedback == (
        "Wanted: answer: because. Reached: score 0.50 of 1. What became of it: resolved 0.5. A reviewer said: Too long."
    )
    assert set(example.keys()) == {"question", "answer"}
