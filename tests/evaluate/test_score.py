import logging
import time
from pathlib import Path

import dspy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from teleprompt.deltaone.scores import mean_e6
from teleprompt.errors import REFUSALS, LanguageModelRefusedError, LanguageModelUnavailableError, TelepromptError
from teleprompt.evaluate.examples import good_rows, to_examples
from teleprompt.evaluate.objective import Objective
from teleprompt.evaluate.score import TRUNCATED, UNREADABLE, ScoreCache, fails_too_often, score_program
from teleprompt.lm.meter import Meter
from teleprompt.lm.metered import metered
from teleprompt.storage.journal import Journal
from tests.support import trace_row, typed_fields

EXAMPLES = [dspy.Example(question=str(i), answer=str(i)).with_inputs("question") for i in range(20)]


class Echo(dspy.Module):
    """Fails for some questions."""

    def __init__(self, fail: set[str] = frozenset()) -> None:
        super().__init__()
        self.fail = fail

    def forward(self, question: str) -> dspy.Prediction:
        if question in self.fail:
            raise TimeoutError(question)
        return dspy.Prediction(answer=question)


def same(example: dspy.Example, prediction: dspy.Prediction) -> float:
    return float(example.answer == prediction.answer)


@pytest.mark.parametrize("threads", [1, 4])
def test_failures_are_counted_and_score_nothing(threads: int) -> None:
    scores = score_program(Echo({"3"}), EXAMPLES, Objective(same), lm=None, num_threads=threads)
    assert [i for i, value in enumerate(scores.values_e6) if value == 0] == [3]
    assert scores.failures == {"TimeoutError": 1}
    assert scores.mean_e6 == 950_000


def test_too_many_failures_are_an_error_and_no_score() -> None:
    scores = score_program(Echo({"1", "2", "3"}), EXAMPLES, Objective(same), lm=None, num_threads=1)
    scores.check(0.15)
    with pytest.raises(TelepromptError, match="3 of 20 program calls failed"):
        scores.check(0.1)


def test_an_outage_of_the_model_decides_nothing() -> None:
    """One refused call is enough: a score of 0 for it would count against this program only."""
    from dspy.lm15 import ServerError

    class Down:
        def complete(self, request: object) -> object:
            raise ServerError("down")

    lm = dspy.LM("offline/down", engine=Down(), num_retries=0, cache=False)
    with pytest.raises(LanguageModelUnavailableError, match="The language model does not answer"):
        score_program(dspy.Predict("question -> answer"), EXAMPLES, Objective(same), lm=lm, num_threads=2)


@pytest.mark.parametrize("kind", ["AuthError", "BillingError"])
def test_a_refused_key_is_no_outage_and_not_worth_another_try(kind: str) -> None:
    from dspy import lm15

    class Refuses:
        def complete(self, request: object) -> object:
            raise getattr(lm15, kind)("no such key")

    lm = dspy.LM("offline/refuses", engine=Refuses(), num_retries=0, cache=False)
    with pytest.raises(LanguageModelRefusedError, match=rf"refuses to answer \(LM{kind}\); correct the key"):
        score_program(dspy.Predict("question -> answer"), EXAMPLES, Objective(same), lm=lm, num_threads=2)


def test_the_refusals_are_errors_that_dspy_has() -> None:
    from dspy.utils import exceptions

    assert all(issubclass(getattr(exceptions, name), exceptions.LMError) for name in REFUSALS)


@pytest.mark.parametrize("value", [1.5, -0.1, float("nan")])
def test_a_metric_outside_the_unit_interval_is_an_error(value: float) -> None:
    with pytest.raises(TelepromptError, match="from 0 to 1"):
        score_program(Echo(), EXAMPLES, Objective(lambda *_: value), lm=None, num_threads=1)


@given(st.lists(st.integers(-(10**6), 10**6), min_size=1))
def test_the_mean_is_the_nearest_integer_ties_to_even(values: list[int]) -> None:
    from fractions import Fraction

    assert mean_e6(values) == round(Fraction(sum(values), len(values)))


def test_only_good_outputs_are_agreed_with_and_nothing_else_of_the_trace_is_shown() -> None:
    rows = [trace_row(score_e6=s) for s in (699_999, 700_000, 1_000_000)]
    examples = to_examples(good_rows(rows, min_quality_score=0.7), typed_fields())
    assert [example.toDict() for example in examples] == [{"question": "why", "answer": "because"}] * 2
    assert list(examples[0].inputs().keys()) == ["question"]


def test_what_failed_once_is_tried_again_by_the_next_run(tmp_path: Path) -> None:
    def cache() -> ScoreCache:
        return ScoreCache(Journal(str(tmp_path), "scores", fingerprint="a" * 64))

    first = score_program(Echo({"3"}), EXAMPLES, Objective(same), lm=None, num_threads=1, cache=cache())
    again = score_program(Echo(), EXAMPLES, Objective(same), lm=None, num_threads=1, cache=cache())
    assert first.failures == {"TimeoutError": 1}
    assert (again.failures, again.mean_e6) == ({}, 1_000_000)


@pytest.mark.parametrize(
    ("failed", "answers", "too_often"),
    [(0, 0, False), (1, 5, False), (5, 5, True), (1, 10, False), (2, 10, True), (10, 100, False), (11, 100, True)],
)
def test_a_share_of_failures_is_judged_where_it_can_be_one(failed: int, answers: int, too_often: bool) -> None:
    assert fails_too_often(failed, answers, 0.1) is too_often


def test_an_outage_is_one_for_the_threads_that_come_too_late_as_well() -> None:
    """The first example asks a second time after the second one found the model gone: no limit was reached by that."""
    from dspy.lm15 import Message, Response, ServerError, Usage

    class GoesAway:
        def complete(self, request):
            if "1" in request.messages[-1].text.partition("Respond")[0]:
                raise ServerError("down")
            time.sleep(0.3)
            usage = Usage(input_tokens=1, output_tokens=1, total_tokens=2)
            message = Message.assistant("unreadable")
            return Response(id=None, model=request.model, message=message, finish_reason="stop", usage=usage)

    lm = metered(dspy.LM("offline/away", engine=GoesAway(), num_retries=0, cache=False), Meter(), retries=0)
    with pytest.raises(LanguageModelUnavailableError):
        score_program(dspy.Predict("question -> answer"), EXAMPLES[:2], Objective(same), lm=lm, num_threads=2)


class Cut:
    """An engine whose answers end where the model was made to end."""

    def complete(self, request):
        from dspy.lm15 import Message, Response, Usage

        usage = Usage(input_tokens=1, output_tokens=1, total_tokens=2)
        message = Message.assistant("[[ ## answer ## ]]\n0\n\n[[ ## completed ## ]]")
        return Response(id=None, model=request.model, message=message, finish_reason="length", usage=usage)


def test_a_truncated_answer_is_a_failure_of_its_own() -> None:
    lm = metered(dspy.LM("offline/cut", engine=Cut(), num_retries=0, cache=False), Meter(), retries=0)
    program = dspy.Predict("question -> answer")
    scores = score_program(program, EXAMPLES[:2], Objective(same), lm=lm, num_threads=1)
    assert scores.failures == {TRUNCATED: 2}
    scores.check(0.1, bear=UNREADABLE)
    with pytest.raises(TelepromptError, match="2 of 2 program calls failed"):
        scores.check(0.1)


def test_no_users_text_is_logged_while_scoring(caplog: pytest.LogCaptureFixture) -> None:
    """DSPy warns of an input of another type, and quotes it."""
    program = dspy.Predict("question: list[int] -> answer")
    asked = [dspy.Example(question="a secret", answer="0").with_inputs("question")]
    lm = metered(dspy.LM("offline/cut", engine=Cut(), num_retries=0, cache=False), Meter(), retries=0)
    logging.getLogger("dspy").addHandler(caplog.handler)
    try:
        score_program(program, asked, Objective(same), lm=lm, num_threads=1)
    finally:
        logging.getLogger("dspy").removeHandler(caplog.handler)
    assert "secret" not in caplog.text


class Appends(dspy.Module):
    """Writes into what it is given, as a chat does into its history."""

    def forward(self, question: str, turns: list[str]) -> dspy.Prediction:
        turns.append(question)
        return dspy.Prediction(answer=str(len(turns)))


def test_a_program_that_changes_its_inputs_changes_nobody_elses() -> None:
    asked = [dspy.Example(question="q", turns=[], answer="1").with_inputs("question", "turns")]
    for _ in range(2):
        scores = score_program(Appends(), asked, Objective(same), lm=None, num_threads=1, cache=ScoreCache())
        assert scores.values_e6 == (1_000_000,)
    assert asked[0].turns == []
