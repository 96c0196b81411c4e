"""What a few calls of both programs tell before a sealed example is opened."""

import logging
from pathlib import Path

import pytest

from teleprompt.config.budget import BudgetConfig
from teleprompt.config.settings import Settings
from teleprompt.deltaone.report import Verdict
from teleprompt.deltaone.scores import ScoredAnswer
from teleprompt.errors import ConfigurationError, TelepromptError
from teleprompt.evaluate.score import TRUNCATED, Scores
from teleprompt.gate._rehearsal import Rehearsal, check_budget, check_rehearsal
from teleprompt.gate.ledger import list_looks
from teleprompt.lm.meter import Spend
from teleprompt.pipeline.pipeline import Pipeline
from teleprompt.pipeline.whole_run import run_all_stages
from teleprompt.tracking.connection import mlflow_client
from tests.support import GRADING_CODE, WEEK, log_run, log_shelf_calls, write_program


def scores(*failures: str | None) -> Scores:
    return Scores(answers=tuple(ScoredAnswer(score_e6=0, parts_e6={}, failure=kind) for kind in failures))


def rehearsal(baseline: Scores, optimized: Scores, *, lacking: tuple[str, ...] = ()) -> Rehearsal:
    spend = Spend(calls=12, tokens_in=600, tokens_out=600, cost_e6=60_000)
    return Rehearsal(baseline=baseline, optimized=optimized, spend=spend, asked=6, lacking=lacking)


GOOD = scores(None, None, "TypeError")


@pytest.mark.parametrize("failures", [("AdapterParseError",) * 3, (TRUNCATED, "AdapterParseError", TRUNCATED)])
def test_a_champion_that_cannot_be_read_is_said_and_may_be_cured(
    failures: tuple[str, ...], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        check_rehearsal(rehearsal(scores(*failures), GOOD))
    assert "The champion's answers cannot be read" in caplog.text


@pytest.mark.parametrize(
    ("baseline", "optimized", "who"),
    [
        (scores("TypeError", "TypeError", "KeyError"), GOOD, "champion"),
        (GOOD, scores("AdapterParseError", "AdapterParseError", "AdapterParseError"), "candidate"),
    ],
)
def test_three_failing_calls_are_said_before_the_gate_is_paid(baseline: Scores, optimized: Scores, who: str) -> None:
    with pytest.raises(TelepromptError, match=rf"All of the first 3 calls of the {who} failed .* was opened"):
        check_rehearsal(rehearsal(baseline, optimized))


def test_an_output_that_the_answers_lack_is_named() -> None:
    with pytest.raises(ConfigurationError, match=r"answers have no `latency`, .* declare the outputs"):
        check_rehearsal(rehearsal(GOOD, GOOD, lacking=("latency",)))


@pytest.mark.parametrize(
    ("budget", "needed"),
    [
        (BudgetConfig(max_calls=399), "400 calls, more than the 399"),
        (BudgetConfig(max_tokens=1000), "4e\\+04 tokens"),
        (BudgetConfig(max_cost_usd=1.5), "2 US dollars"),
    ],
)
def test_a_comparison_that_would_cost_more_than_it_may_is_refused(budget: BudgetConfig, needed: str) -> None:
    with pytest.raises(ConfigurationError, match=needed):
        check_budget(rehearsal(GOOD, GOOD), budget, examples=100, spent=Spend())


def test_one_that_would_not_is_not() -> None:
    check_budget(rehearsal(GOOD, GOOD), BudgetConfig(max_calls=400, max_cost_usd=2), examples=100, spent=Spend())


def test_a_budget_is_held_without_a_look(settings: Settings, tmp_path: Path) -> None:
    log_shelf_calls(settings, count=160)
    yaml = "name: Shelves\noptimization: {min_traces: 20}\ngate: {budget: {max_calls: 20}}\n"
    run = Pipeline.of_file(write_program(tmp_path / "programs", yaml=yaml), settings=settings, window=WEEK)
    with pytest.raises(ConfigurationError, match=r"more than the 20 of `gate.budget`, so no example was opened"):
        run_all_stages(run)
    with mlflow_client(settings.tracking_uri) as client:
        assert list(list_looks(client, "Shelves")) == []


def log_grades(settings: Settings, tmp_path: Path) -> None:
    with mlflow_client(settings.tracking_uri) as client:
        school = client.create_experiment("school", str(tmp_path / "school"))
        for i in range(60):
            log_run(client, school, program="Grades", inputs={"thing": f"thing {i}"}, outputs={"grade": "2.0"})


def test_a_champion_none_of_whose_answers_can_be_read_is_cured(
    settings: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    log_grades(settings, tmp_path)
    file = write_program(
        tmp_path / "programs", yaml="name: Grades\noptimization: {min_traces: 20}\n", code=GRADING_CODE
    )
    outcome = run_all_stages(Pipeline.of_file(file, settings=settings, window=WEEK))
    comparison = outcome.comparison
    assert comparison is not None
    assert comparison.failures["baseline"] == {"AdapterParseError": comparison.report.n}
    assert (comparison.report.baseline_e6, comparison.report.optimized_e6) == (0, 1_000_000)
    assert (comparison.report.verdict, comparison.metric_version) == (Verdict.PROMOTE, 2)
    assert outcome.attestation is not None
    reasons = [record.message for record in caplog.records if "cannot be read" in record.message]
    assert reasons == ["The champion's answers cannot be read (AdapterParseError x3); it scores 0 where that is so."]


def test_calls_that_failed_count_into_what_a_comparison_costs(settings: Settings, tmp_path: Path) -> None:
    """Three of the champion that cannot be read, none of the candidate: the race knows its answers."""
    log_grades(settings, tmp_path)
    yaml = "name: Grades\noptimization: {min_traces: 20}\ngate: {budget: {max_calls: 5}}\n"
    file = write_program(tmp_path / "programs", yaml=yaml, code=GRADING_CODE)
    with pytest.raises(ConfigurationError, match=r"more than the 5 of `gate.budget`"):
        run_all_stages(Pipeline.of_file(file, settings=settings, window=WEEK))


def test_a_limit_in_money_wants_a_known_price(settings: Settings, tmp_path: Path) -> None:
    yaml = "name: Shelves\noptimization: {min_traces: 20}\ngate: {budget: {max_cost_usd: 1}}\n"
    run = Pipeline.of_file(write_program(tmp_path / "programs", yaml=yaml), settings=settings, window=WEEK)
    with pytest.raises(ConfigurationError, match=r"is not known, so `gate.budget.max_cost_usd` cannot be kept"):
        run.collect()
