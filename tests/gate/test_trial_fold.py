"""The verdict of a trial as a function of its windows, however they come."""

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from teleprompt.config.gate import Guardrail
from teleprompt.config.trial import Returning
from teleprompt.deltaone import Trial, TrialPolicy
from teleprompt.deltaone.guardrails import YearSoFar
from teleprompt.deltaone.report import Verdict
from teleprompt.deltaone.scores import ScoredAnswer
from teleprompt.deltaone.trial_report import Rejection
from teleprompt.gate.trial_fold import ComparedAnswer, WindowScores, counts_in, fold
from teleprompt.records import MILLION
from teleprompt.window import Window
from tests.support import WEEK


def week(number: int) -> Window:
    ahead = timedelta(days=7 * number)
    return Window(start=WEEK.start + ahead, end=WEEK.end + ahead)


def answer(trace: str, before: int, after: int, *, unit: str | None = None, cost: int = 0) -> ComparedAnswer:
    return ComparedAnswer(
        trace_id=trace,
        unit=unit or trace,
        baseline=ScoredAnswer(score_e6=before * MILLION, parts_e6={"cost": 1000}),
        optimized=ScoredAnswer(score_e6=after * MILLION, parts_e6={"cost": 1000 + cost}),
    )


def won(window: int, count: int, *, losses: int = 0, cost: int = 0) -> WindowScores:
    answers = [answer(f"{window}-{i}", 0, 1, cost=cost) for i in range(count)]
    answers += [answer(f"{window}-lost-{i}", 1, 0) for i in range(losses)]
    return WindowScores(week(window), answers)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.lists(st.sampled_from([(0, 0), (0, 1), (1, 0)]), min_size=1, max_size=8), min_size=1, max_size=5),
    st.randoms(),
)
def test_any_order_of_windows_gives_the_same_report(scores: list[list[tuple[int, int]]], rng: object) -> None:
    windows = [
        WindowScores(week(k), [answer(f"{k}-{i}", *pair, unit=f"u{i % 3}{k % 2}") for i, pair in enumerate(pairs)])
        for k, pairs in enumerate(scores)
    ]
    shuffled = list(windows)
    rng.shuffle(shuffled)  # type: ignore[attr-defined]
    assert fold(shuffled, TrialPolicy(), ()) == fold(windows, TrialPolicy(), ())


def test_the_figures_are_those_of_the_trial() -> None:
    windows = [won(0, 3, losses=1), won(1, 5), won(2, 20)]
    trial = Trial(TrialPolicy())
    for window in windows:
        before = [a.baseline.score_e6 for a in window.answers]
        after = [a.optimized.score_e6 for a in window.answers]
        trial = trial.add(before, after, [a.unit for a in window.answers], window=window.window)
    found = fold(windows, TrialPolicy(), ())
    assert found.trial == trial.report
    assert (found.verdict, found.delta_e6, found.n) == (Verdict.PROMOTE, trial.report.delta_e6, trial.report.n)
    assert found.reason == trial.report.reason
    assert found.wins + found.losses + found.ties == found.n


def test_an_example_of_two_windows_counts_in_the_first() -> None:
    twice = WindowScores(week(1), [*won(0, 4).answers, *won(1, 2).answers])
    assert fold([won(0, 4), twice], TrialPolicy(), ()).n == 6
    assert fold([twice, won(0, 4)], TrialPolicy(), ()) == fold([won(0, 4), twice], TrialPolicy(), ())


def test_a_unit_that_returns_is_left_out_or_counted() -> None:
    one = WindowScores(week(0), [answer("a", 0, 1, unit="customer"), answer("b", 0, 0, unit="other")])
    other = WindowScores(week(1), [answer("c", 1, 0, unit="customer"), answer("d", 1, 0, unit="new")])
    left_out = fold([one, other], TrialPolicy(), ())
    assert (left_out.n, left_out.wins, left_out.losses) == (3, 1, 1)
    counted = fold([one, other], TrialPolicy(returning=Returning.COUNTED), ())
    assert (counted.n, counted.wins, counted.losses) == (4, 1, 2)


def test_each_unit_weighs_the_same_and_scores_fit_the_gain() -> None:
    big = [answer(f"b{i}", 1, 1, unit="big") for i in range(3)]
    found = fold([WindowScores(week(0), [*big, answer("s", 0, 1, unit="small")])], TrialPolicy(), ())
    assert (found.baseline_e6, found.optimized_e6, found.delta_e6) == (500_000, 1_000_000, 500_000)


def test_a_broken_guardrail_turns_a_promotion_into_a_rejection() -> None:
    dearer = Guardrail(metric="cost", tolerance="10%")
    windows = [won(k, 12, cost=500) for k in range(3)]
    assert fold(windows, TrialPolicy(), ()).verdict is Verdict.PROMOTE
    found = fold(windows, TrialPolicy(), (dearer,))
    assert found.trial is not None
    assert (found.verdict, found.trial.rejected_for) == (Verdict.REJECT, Rejection.GUARDRAIL)
    assert "a guardrail does not hold (cost 0.001 -> 0.0015" in found.reason


def test_a_guardrail_is_judged_over_all_windows_when_the_trial_would_promote() -> None:
    rail = Guardrail(metric="cost", tolerance="10%")
    undecided = fold([won(0, 2, cost=500)], TrialPolicy(), (rail,))
    assert (undecided.verdict, undecided.guardrails[0].holds) == (Verdict.INCONCLUSIVE, False)
    assert "the trial goes on" in undecided.reason
    assert fold([won(0, 2, cost=500), won(1, 30)], TrialPolicy(), (rail,)).verdict is Verdict.PROMOTE


def test_what_comes_after_the_decision_changes_nothing() -> None:
    decided = [won(0, 30)]
    later = [*decided, WindowScores(week(1), [answer(f"x{i}", 1, 0) for i in range(100)])]
    assert fold(later, TrialPolicy(), ()) == fold(decided, TrialPolicy(), ())
    report = fold(later, TrialPolicy(), ()).trial
    assert report is not None
    assert [a.trace_id for a in counts_in(later, TrialPolicy(), report)] == [f"0-{i}" for i in range(30)]


@pytest.mark.parametrize("windows", [[], [WindowScores(week(0), [])]])
def test_nothing_that_counts_decides_nothing(windows: list[WindowScores]) -> None:
    found = fold(windows, TrialPolicy(), ())
    assert (found.verdict, found.n, found.delta_e6) == (Verdict.INCONCLUSIVE, 0, 0)
    assert found.reason == "The trial has no window yet."


def test_small_tolerances_do_not_add_up_over_a_year() -> None:
    rail = Guardrail(metric="cost", tolerance="10%")
    windows = [won(0, 30, cost=80)]  # 8 % dearer than the champion
    assert fold(windows, TrialPolicy(), (rail,)).verdict is Verdict.PROMOTE
    year = {"cost": YearSoFar(baseline_e6=920, change_e6=80)}  # and that 8.7 % dearer than the version before the year
    found = fold(windows, TrialPolicy(), (rail,), year=year)
    assert found.verdict is Verdict.REJECT
    assert "since the version of a year ago, at most 0.001012 is tolerated" in found.reason
    assert fold(windows, TrialPolicy(), (rail,), year={"tokens": year["cost"]}).verdict is Verdict.PROMOTE


def test_a_unit_is_known_again_by_what_it_shares_whatever_it_was_called() -> None:
    one = answer("a", 0, 1, unit="session 1").model_copy(update={"keys": ("asked", "session 1")})
    again = answer("b", 0, 1, unit="session 2").model_copy(update={"keys": ("asked", "session 2")})
    beside = answer("c", 0, 1, unit="session 2").model_copy(update={"keys": ("another", "session 2")})
    found = fold([WindowScores(week(0), [one]), WindowScores(week(1), [again, beside])], TrialPolicy(), ())
    assert found.trial is not None
    assert (found.n, found.trial.n_returned) == (
        1,
        2,
    )  # of session 2 nothing counts, for it asked what was asked before


def test_a_window_that_two_runs_scored_counts_once() -> None:
    twice = WindowScores(week(0), [answer(f"x{i}", 0, 1) for i in range(9)])
    found = fold([won(0, 5), twice, won(1, 30)], TrialPolicy(), ())
    assert found.wins + found.losses + found.ties == found.n == 35


def test_windows_without_an_example_that_counts_bring_the_horizon_nearer() -> None:
    same = [WindowScores(week(k), [answer(f"{k}", 0, 1, unit="one customer")]) for k in range(3)]
    found = fold(same, TrialPolicy(horizon=3), ())
    assert found.trial is not None
    assert (found.trial.expired, found.n) == (True, 1)
