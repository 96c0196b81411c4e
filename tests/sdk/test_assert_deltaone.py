"""`assert_deltaone`: a test that passes where the gate says promote."""

import subprocess
import sys
from pathlib import Path

import dspy
import pytest

import teleprompt
from teleprompt.config.gate import Guardrail
from teleprompt.errors import ConfigurationError
from teleprompt.sdk.assert_deltaone import assert_deltaone
from tests.score_files.test_tool_logs import LOGS

BEFORE = {f"q{i}": i % 2 for i in range(200)}
BETTER = {**BEFORE, **{f"q{2 * i}": 1 for i in range(30)}}
WORSE = {**BEFORE, **{f"q{2 * i + 1}": 0 for i in range(20)}}
ALIKE = {**BEFORE, "q0": 1, "q1": 0}


def test_a_gain_passes_and_gives_the_report() -> None:
    report = teleprompt.assert_deltaone(BEFORE, BETTER)
    assert (report.verdict, report.wins, report.losses) == ("promote", 30, 0)
    assert assert_deltaone(BETTER, BEFORE, lower_is_better=True).verdict == "promote"


def test_a_loss_fails_with_the_figures_and_little_fails_or_skips() -> None:
    with pytest.raises(AssertionError) as failed:
        assert_deltaone(BEFORE, WORSE)
    lines = str(failed.value).splitlines()
    assert lines[0].startswith("reject: -10.00 points [-14.")
    assert "examples   200: 0 better, 20 worse, 180 alike" in lines
    with pytest.raises(AssertionError, match=r"^inconclusive"):
        assert_deltaone(BEFORE, ALIKE)
    with pytest.raises(pytest.skip.Exception, match=r"^inconclusive: .*not decided"):
        assert_deltaone(BEFORE, ALIKE, inconclusive="skip")


def test_a_guardrail_that_does_not_hold_fails(tmp_path: Path) -> None:
    for name, scores, seconds in (("a", BEFORE, 1), ("b", BETTER, 2)):
        lines = [f"{example},{score},{seconds}" for example, score in scores.items()]
        (tmp_path / f"{name}.csv").write_text("\n".join(["id,score,seconds", *lines]))
    with pytest.raises(AssertionError, match="guardrail  BROKEN: seconds 1 -> 2, at most 1 is tolerated"):
        assert_deltaone(tmp_path / "a.csv", str(tmp_path / "b.csv"), guardrails=(Guardrail(metric="seconds"),))


def test_logs_of_tools_are_sources() -> None:
    both = LOGS / "promptfoo-both.json"
    assert assert_deltaone(f"{both}#0", f"{both}#1", score="right").n == 12


def test_results_of_dspy_pair_by_all_inputs_of_their_examples() -> None:
    results = []
    for known in (60, 20):
        examples = [
            dspy.Example(question=f"q{i % 40}", context=str(i), answer=i).with_inputs("question", "context")
            for i in range(80)
        ]
        evaluate = dspy.Evaluate(
            devset=examples,
            metric=lambda example, prediction, trace=None: example.answer == prediction.answer,
            num_threads=1,
        )
        results.append(evaluate(Known(known)))
    report = assert_deltaone(*results)
    assert (report.n, report.n_groups, report.wins) == (80, 80, 40)


class Known(dspy.Module):
    """Answers what lies above a number."""

    def __init__(self, known: int) -> None:
        super().__init__()
        self.known = known

    def forward(self, question: str, context: str) -> dspy.Prediction:
        return dspy.Prediction(answer=int(context) if int(context) >= self.known else None)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"threshold": 2.0}, "No comparison asks for threshold=2.0"),
        ({"alpha": 0.0}, "No comparison asks for threshold=0.01, claim='significant', alpha=0.0"),
        ({"score": "f1"}, "the baseline has no score 'f1'; it has 'score'"),
    ],
)
def test_wrong_arguments_are_no_failed_assertion(arguments: dict[str, object], told: str) -> None:
    with pytest.raises(ConfigurationError, match="^" + told):
        assert_deltaone(BEFORE, BETTER, **arguments)  # type: ignore[arg-type]


def test_other_examples_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="1 of 201 in the candidate only"):
        assert_deltaone(BEFORE, {**BETTER, "new": 1})
    with pytest.raises(ConfigurationError, match="The baseline is empty"):
        assert_deltaone({}, BETTER)


def test_pytest_shows_the_test_and_the_figures_and_not_our_code(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(
        "from teleprompt import assert_deltaone\n\n\ndef test_it():\n"
        "    before = {f'q{i}': 1 for i in range(100)}\n"
        "    assert_deltaone(before, {**before, **{f'q{i}': 0 for i in range(20)}})\n"
    )
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", "test_it.py"]
    shown = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False).stdout
    assert "reject: -20.00 points" in shown
    assert "raise AssertionError" not in shown
