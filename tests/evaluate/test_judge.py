"""A language model as judge, over a real protocol: the answers come from a local server."""

import json

import dspy
import pytest

from teleprompt.config.gate import JudgeConfig
from teleprompt.errors import TelepromptError
from teleprompt.evaluate.judge import judge_agreement, judge_metric
from teleprompt.evaluate.metrics import build_metric
from teleprompt.evaluate.objective import Objective
from teleprompt.evaluate.score import score_program
from teleprompt.lm.meter import Meter
from teleprompt.lm.metered import metered
from tests.support import FIELDS, trace_row, typed_fields


class Grader:
    """An engine that grades by the number of words, or says what it is told to."""

    def __init__(self, says: str | None = None) -> None:
        self.says = says
        self.prompts: list[str] = []

    def complete(self, request):
        from dspy.lm15 import Message, Response, Usage

        text = "\n".join(part.text for message in request.messages for part in message.parts if hasattr(part, "text"))
        self.prompts.append(f"{request.system}\n{text}")
        answer = text.rpartition("[[ ## answer ## ]]")[2].partition("\n\n")[0]
        grade = self.says or str(min(1.0, len(answer.split()) / 10))
        return Response(
            id=None,
            model="grader",
            message=Message.assistant(f"[[ ## grade ## ]]\n{grade}\n\n[[ ## completed ## ]]"),
            finish_reason="stop",
            usage=Usage(input_tokens=10, output_tokens=2, total_tokens=12),
        )


def judged_by(grader: Grader, meter: Meter | None = None):
    lm = metered(dspy.LM("grader/x", engine=grader, cache=False), meter or Meter(), retries=0)
    return judge_metric(FIELDS, lm, instructions="Longer is better.")


EXAMPLE = dspy.Example(question="why", answer="the logged answer").with_inputs("question")


def test_the_judge_grades_the_answer_and_never_sees_the_logged_one() -> None:
    grader, meter = Grader(), Meter()
    judge = judged_by(grader, meter)
    assert judge(EXAMPLE, dspy.Prediction(answer="one two three")) == 0.3
    (prompt,) = grader.prompts
    assert "Longer is better." in prompt
    assert "why" in prompt
    assert "the logged answer" not in prompt
    assert (meter.spend.calls, meter.spend.tokens_in) == (1, 10)


@pytest.mark.parametrize("says", ["7", "-1", "nan"])
def test_a_grade_outside_the_unit_interval_is_an_error(says: str) -> None:
    with pytest.raises(TelepromptError, match=r"no number from 0 to 1; correct `gate.judge.instructions`"):
        judged_by(Grader(says))(EXAMPLE, dspy.Prediction(answer="x"))


def test_the_agreement_with_outcomes_is_a_rank_correlation() -> None:
    rows = [trace_row(outputs={"answer": " ".join(["word"] * n)}, score_e6=n * 100_000) for n in range(1, 9)]
    examples = [dspy.Example(question="q", answer=row.outputs["answer"]).with_inputs("question") for row in rows]
    agreement = judge_agreement(rows, examples, judged_by(Grader()))
    assert (agreement.n, agreement.spearman_e6, agreement.in_words) == (8, 1_000_000, "+1.00")
    alike = judge_agreement(rows, examples, judged_by(Grader("0.5")))
    assert (alike.spearman_e6, alike.in_words) == (None, "unknown (all alike)")


def test_it_is_a_metric_like_any_other(tmp_path) -> None:
    class Wordy(dspy.Module):
        def forward(self, question: str) -> dspy.Prediction:
            return dspy.Prediction(answer="five words are enough here")

    lm = metered(dspy.LM("grader/x", engine=Grader(), cache=False), Meter(), retries=0)
    metric = build_metric("judge", typed=typed_fields(), folders=[tmp_path], judge=JudgeConfig(), judge_lm=lm)
    scores = score_program(Wordy(), [EXAMPLE], Objective(metric), lm=None, num_threads=1)
    assert scores.values_e6 == (500_000,)
    assert json.loads(scores.model_dump_json())
