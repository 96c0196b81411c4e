"""A trial as its windows come in; `test_trial_calibration.py` says how often it is wrong."""

import math
import random
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from teleprompt.config.gate import Claim
from teleprompt.config.outcome import Direction
from teleprompt.config.trial import Returning
from teleprompt.deltaone import Trial, TrialPolicy
from teleprompt.deltaone.report import Verdict
from teleprompt.deltaone.trial_report import Rejection, TrialReport
from teleprompt.errors import TelepromptError
from teleprompt.records import MILLION
from teleprompt.window import Window
from tests import REPOSITORY
from tests.support import fenced_blocks

Scores = tuple[list[int], list[int]]


def week(number: int) -> str:
    start = date(2026, 1, 5) + timedelta(weeks=number)
    return f"{start}/{start + timedelta(weeks=1)}"


def pairs(*, wins: int = 0, losses: int = 0, ties: int = 0) -> Scores:
    return [0] * wins + [MILLION] * losses + [0] * ties, [MILLION] * wins + [0] * losses + [0] * ties


def of_weeks(*weeks: Scores, policy: TrialPolicy | None = None) -> Trial:
    trial = Trial(policy or TrialPolicy())
    for number, scores in enumerate(weeks):
        trial = trial.add(*scores, window=week(number))
    return trial


# What it finds


def test_a_trial_without_a_window_has_shown_nothing() -> None:
    report = Trial(TrialPolicy()).report
    assert (report.verdict, report.n, report.windows, report.p_value_e6) == (Verdict.INCONCLUSIVE, 0, 0, MILLION)
    assert (report.ci_low_e6, report.ci_high_e6, report.log_e) == (-MILLION, MILLION, 0)
    assert report.reason == "The trial has no window yet."


def test_evidence_adds_up_until_it_suffices() -> None:
    """Nine wins and three losses in 64, week after week: no week alone shows a gain."""
    verdicts = [of_weeks(*[pairs(wins=9, losses=3, ties=52)] * weeks).report for weeks in range(1, 8)]
    first = next(i for i, report in enumerate(verdicts, 1) if report.verdict is Verdict.PROMOTE)
    assert first == 4
    assert verdicts[first - 1].delta_e6 == 93_750
    assert verdicts[first - 1].n == verdicts[first - 1].n_groups == 256
    assert verdicts[first - 1].log_e > verdicts[first - 1].boundary > verdicts[first - 2].log_e


def test_the_evidence_is_the_mean_wealth_of_fourteen_bets() -> None:
    bets = [0.03 * (0.8 / 0.03) ** (k / 13) for k in range(14)]
    expected = math.log(sum((1 + bet) ** 9 * (1 - bet) ** 3 for bet in bets) / 14)
    report = of_weeks(pairs(wins=9, losses=3, ties=52), policy=TrialPolicy(first_look_share=0)).report
    assert report.log_e == pytest.approx(expected, abs=1e-6)
    assert report.p_value_e6 == math.ceil(math.exp(-expected) * MILLION)


def test_a_clear_opening_window_is_enough() -> None:
    """13 wins and one loss of 164: the exact test's p of .0004 is a fifth of the level, the bets are worth 80."""
    scores = pairs(wins=13, losses=1, ties=150)
    report, without = (of_weeks(scores, policy=TrialPolicy(first_look_share=share)).report for share in (0.2, 0))
    assert report.verdict is Verdict.PROMOTE
    assert report.first_p_value_e6 is not None
    assert report.p_value_e6 <= math.ceil(report.first_p_value_e6 / 0.2)
    assert without.first_p_value_e6 is None
    later = of_weeks(pairs(ties=164), scores).report
    assert later.first_p_value_e6 == MILLION


def test_the_exact_test_decides_where_bets_would_not() -> None:
    scores = pairs(wins=9, losses=0, ties=491)
    report, without = (of_weeks(scores, policy=TrialPolicy(first_look_share=share)).report for share in (0.2, 0))
    assert (report.verdict, without.verdict) == (Verdict.PROMOTE, Verdict.INCONCLUSIVE)
    assert report.log_e < report.boundary
    assert report.p_value_e6 <= 25_000
    assert report.ci_low_e6 > 0


def test_graded_scores_and_units_have_no_exact_test() -> None:
    graded = Trial(TrialPolicy()).add([500_000] * 60, [600_000] * 60, window=week(0)).report
    grouped = Trial(TrialPolicy()).add(*pairs(wins=60), [str(i // 2) for i in range(60)], window=week(0)).report
    assert graded.first_p_value_e6 is grouped.first_p_value_e6 is None


def test_harm_is_rejected() -> None:
    report = of_weeks(pairs(wins=2, losses=40, ties=60)).report
    assert (report.verdict, report.rejected_for, report.evidence) == (Verdict.REJECT, Rejection.HARM, None)
    assert report.ci_high_e6 < 0
    assert "harm" in report.reason


def test_what_is_surely_less_than_the_threshold_is_futile() -> None:
    report = of_weeks(pairs(ties=3_000)).report
    assert (report.verdict, report.rejected_for) == (Verdict.REJECT, Rejection.FUTILITY)
    assert 0 < report.ci_high_e6 < 10_000
    assert "futility" in report.reason


def test_harm_has_a_level_of_its_own() -> None:
    scores = pairs(wins=10, losses=27, ties=60)
    strict, lax = (of_weeks(scores, policy=TrialPolicy(harm_level=level)).report for level in (0.001, 0.2))
    assert (strict.verdict, lax.verdict) == (Verdict.INCONCLUSIVE, Verdict.REJECT)
    assert strict.ci_low_e6 == lax.ci_low_e6
    assert strict.ci_high_e6 > lax.ci_high_e6


def test_a_gain_below_the_threshold_is_not_promoted_however_sure() -> None:
    report = of_weeks(pairs(wins=30, losses=0, ties=3_470)).report
    assert report.delta_e6 < 10_000
    assert report.ci_low_e6 > 0
    assert report.verdict is not Verdict.PROMOTE


def test_just_below_the_threshold_is_below_it() -> None:
    """9,999.5 millionths, which are rounded to 10,000."""
    half = [500_000] * 1000
    below = Trial(TrialPolicy()).add(half, [509_999, 510_000] * 500, window=week(0)).report
    just = Trial(TrialPolicy()).add(half, [510_000] * 1000, window=week(0)).report
    assert (below.verdict, just.verdict) == (Verdict.INCONCLUSIVE, Verdict.PROMOTE)
    assert below.ci_low_e6 > 0
    assert below.delta_e6 == just.delta_e6 == 10_000


def test_proof_takes_more_than_significance() -> None:
    weeks = [pairs(wins=9, losses=3, ties=52)] * 8
    significant, proven = (of_weeks(*weeks, policy=TrialPolicy(claim=claim)).report for claim in Claim)
    assert (significant.windows, proven.windows) == (4, 5)
    assert (significant.verdict, proven.verdict) == (Verdict.PROMOTE, Verdict.PROMOTE)
    assert proven.ci_low_e6 >= 10_000 > significant.ci_low_e6 > 0
    assert (significant.evidence, proven.evidence) == (Claim.SIGNIFICANT, Claim.PROVEN)


def test_lower_can_be_better() -> None:
    baseline, optimized = pairs(wins=9, losses=30, ties=25)
    up = of_weeks((optimized, baseline)).report
    down = of_weeks((baseline, optimized), policy=TrialPolicy(direction=Direction.LOWER)).report
    assert (down.verdict, down.delta_e6, down.ci_low_e6, down.log_e) == (
        up.verdict, up.delta_e6, up.ci_low_e6, up.log_e,
    )  # fmt: skip


# Windows


def test_the_first_crossing_decides_and_stays() -> None:
    decided = of_weeks(*[pairs(wins=9, losses=3, ties=52)] * 4)
    after = decided.add(*pairs(losses=64), window=week(9)).add(*pairs(losses=64), window=week(10))
    assert decided.report.verdict is Verdict.PROMOTE
    assert after.report == decided.report
    assert len(after.windows) == 6


def test_a_retry_changes_nothing_whatever_it_scores() -> None:
    trial = of_weeks(pairs(wins=9, losses=3, ties=52), pairs(wins=9, losses=3, ties=52))
    assert trial.add(*pairs(wins=9, losses=3, ties=52), window=week(1)) == trial
    assert trial.add(*pairs(wins=64), window=week(1)).report == trial.report
    assert trial.add(*pairs(wins=64), window=str(Window.model_validate(dict(zip(("start", "end"), week(1).split("/"),
        strict=True))))).report == trial.report  # fmt: skip


def test_a_trial_ends_at_its_horizon() -> None:
    policy = TrialPolicy(horizon=3)
    weeks = [pairs(wins=6, losses=5, ties=53)] * 3
    before, at = of_weeks(*weeks[:2], policy=policy), of_weeks(*weeks, policy=policy)
    assert (before.report.expired, before.report.decided) == (False, False)
    assert (at.report.expired, at.report.verdict) == (True, Verdict.INCONCLUSIVE)
    assert "expired" in at.report.reason
    assert at.add(*pairs(wins=64), window=week(3)).report == at.report


def test_windows_are_ordered_by_their_start_other_names_by_their_numbers() -> None:
    names = ["run 2", "2026-02-02/2026-02-09", "run 10", "2026-01-26T00:00:00Z/2026-02-02T00:00:00Z", "run 1"]
    trial = Trial()
    for name in names:
        trial = trial.add(*pairs(ties=1), window=name)
    assert trial.windows == (names[3], names[1], "run 1", "run 2", "run 10")


def test_it_says_for_which_times_it_has_no_scores() -> None:
    """Up to its decision; times before the first window are none of the trial's."""
    trial = Trial()
    for number in (1, 2, 4, 7):
        trial = trial.add(*pairs(ties=9), window=week(number))
    assert trial.report.gaps == (
        "2026-01-26T00:00:00Z/2026-02-02T00:00:00Z",
        "2026-02-09T00:00:00Z/2026-02-23T00:00:00Z",
    )
    filled = trial.add(*pairs(ties=9), window=week(3)).add(*pairs(ties=9), window="2026-02-09/2026-02-25")
    assert filled.report.gaps == ()
    assert Trial().add(*pairs(wins=64), window=week(0)).add(*pairs(ties=9), window=week(5)).report.gaps == ()
    assert Trial().add(*pairs(ties=9), window="run 1").add(*pairs(ties=9), window="run 3").report.gaps == ()


weekly = st.lists(
    st.lists(st.tuples(st.sampled_from([0, 300_000, MILLION]), st.sampled_from([0, 700_000, MILLION]),
                       st.integers(0, 30)), min_size=1, max_size=40),
    min_size=1, max_size=5,
)  # fmt: skip


@settings(deadline=None)
@given(weekly, st.randoms(use_true_random=False), st.sampled_from(Returning))
def test_windows_and_examples_may_come_in_any_order(
    weeks: list[list[tuple[int, int, int]]], chance: random.Random, returning: Returning
) -> None:
    policy = TrialPolicy(level=0.2, harm_level=0.2, returning=returning, group_cap=40)
    reports = []
    for shuffled in (False, True):
        order = list(enumerate(weeks))
        if shuffled:
            chance.shuffle(order)
        trial = Trial(policy)
        for number, examples in order:
            rows = chance.sample(examples, len(examples)) if shuffled else examples
            trial = trial.add(
                [row[0] for row in rows], [row[1] for row in rows], [str(row[2]) for row in rows], window=week(number)
            )
        reports.append(trial.report)
    assert reports[0] == reports[1]


@settings(deadline=None)
@given(weekly)
def test_interval_p_value_and_verdict_agree(weeks: list[list[tuple[int, int, int]]]) -> None:
    for claim in Claim:
        policy = TrialPolicy(level=0.2, harm_level=0.2, claim=claim)
        report = of_weeks(*(([a for a, _, _ in rows], [b for _, b, _ in rows]) for rows in weeks), policy=policy).report
        least = policy.threshold_e6 if claim is Claim.PROVEN else 1
        assert -MILLION <= report.ci_low_e6 <= report.ci_high_e6 <= MILLION
        assert (report.verdict is Verdict.REJECT) == (report.ci_high_e6 < policy.threshold_e6)
        if report.verdict is not Verdict.REJECT:
            assert (report.ci_low_e6 >= least) == (report.p_value_e6 <= 200_000)
            enough = report.p_value_e6 <= 200_000 and report.delta_e6 >= policy.threshold_e6
            assert (report.verdict is Verdict.PROMOTE) == enough
        assert [point.n for point in report.path] == sorted(point.n for point in report.path)
        assert TrialReport.from_stored(report.to_stored()) == report


# Units


def test_a_unit_counts_once_however_many_examples_it_has() -> None:
    alone = of_weeks(pairs(wins=9, losses=3, ties=52)).report
    groups = [str(i // 4) for i in range(256)]
    copies = [[score for score in scores for _ in range(4)] for scores in pairs(wins=9, losses=3, ties=52)]
    report = Trial(TrialPolicy()).add(*copies, groups, window=week(0)).report
    assert (report.n, report.n_groups) == (256, 64)
    assert (report.delta_e6, report.log_e, report.ci_high_e6) == (alone.delta_e6, alone.log_e, alone.ci_high_e6)


def test_units_count_alike_whatever_their_size() -> None:
    """A unit of three gains all, a unit of one loses all: 0 on average of the units, half of the examples."""
    report = Trial(TrialPolicy()).add(*pairs(wins=3, losses=1), ["a", "a", "a", "b"], window=week(0)).report
    assert (report.n, report.n_groups, report.delta_e6) == (4, 2, 0)


def test_means_of_units_are_exact() -> None:
    trial = Trial(TrialPolicy())
    for number in range(3):  # a third, three times, is one
        labels = [f"{number}"] * 3
        trial = trial.add(*pairs(wins=1, ties=2), labels, window=week(number))
    assert trial.report.delta_e6 == 333_333
    assert trial.add(*pairs(ties=1, wins=6), list("abcdefg"), window=week(3)).report.delta_e6 == 700_000


def test_who_comes_again_does_not_count_again() -> None:
    first = Trial(TrialPolicy()).add(*pairs(wins=3, losses=1), ["a", "b", "c", "d"], window=week(0))
    both = first.add(*pairs(wins=4), ["a", "b", "e", "a"], window=week(1)).report
    assert (both.n, both.n_groups, both.n_returned) == (5, 5, 3)
    assert both.delta_e6 == 600_000


def test_who_comes_again_counts_again_where_these_units_are_meant() -> None:
    trial = Trial(TrialPolicy(returning=Returning.COUNTED))
    trial = trial.add(*pairs(wins=3, losses=1), ["a", "b", "c", "d"], window=week(0))
    both = trial.add(*pairs(wins=4), ["a", "b", "e", "a"], window=week(1)).report
    assert (both.n, both.n_groups, both.n_returned) == (8, 7, 0)


def test_a_unit_counts_in_the_window_in_which_it_was_first() -> None:
    """Whenever that window arrives."""
    late = Trial(TrialPolicy()).add(*pairs(wins=2), ["a", "b"], window=week(1)).add(
        *pairs(losses=1), ["a"], window=week(0)
    )  # fmt: skip
    assert [point.n for point in late.report.path] == [1, 2]
    assert late.report.delta_e6 == 0


def test_of_a_large_unit_as_many_examples_count_as_the_cap_says() -> None:
    report = Trial(TrialPolicy(group_cap=2)).add(*pairs(wins=2, losses=5), ["a"] * 7, window=week(0)).report
    assert (report.n, report.n_capped, report.delta_e6) == (2, 5, MILLION)


def test_one_unit_proves_nothing() -> None:
    report = Trial(TrialPolicy()).add(*pairs(wins=1000), ["a"] * 1000, window=week(0)).report
    assert report.verdict is Verdict.INCONCLUSIVE


# Refusals and records


@pytest.mark.parametrize(
    ("baseline", "optimized"),
    [([], []), ([1], [1, 2]), ([0], [MILLION + 1]), ([-1], [0]), ([0], [float("nan")]), ([0.5], [0.7]), ([True], [1])],
)
def test_what_cannot_be_compared_is_an_error(baseline: list[int], optimized: list[int]) -> None:
    with pytest.raises(TelepromptError):
        Trial(TrialPolicy()).add(baseline, optimized, window=week(0))


def test_each_example_needs_a_unit_of_its_own_or_none() -> None:
    with pytest.raises(TelepromptError, match="2 examples and 1 groups"):
        Trial(TrialPolicy()).add([0, 0], [1, 1], ["a"], window=week(0))


@pytest.mark.parametrize("name", ["", "2026-01-12/2026-01-05", "2026-01-05/2026-01-05"])
def test_a_window_has_a_name_and_begins_before_it_ends(name: str) -> None:
    with pytest.raises(TelepromptError, match="window"):
        Trial(TrialPolicy()).add([0], [0], window=name)


def test_a_trial_is_never_changed() -> None:
    trial = Trial(TrialPolicy())
    more = trial.add(*pairs(wins=1), window=week(0))
    assert (trial.report.n, more.report.n) == (0, 1)
    with pytest.raises(AttributeError):
        trial.policy = TrialPolicy()  # type: ignore[misc]


def test_the_documented_trial_is_promoted(capsys: pytest.CaptureFixture[str]) -> None:
    (block,) = fenced_blocks("docs/trials.md", "python")
    exec(block, {})
    verdicts = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert verdicts == ["inconclusive", "inconclusive", "inconclusive", "promote"]


def test_the_documented_defaults_are_those_of_the_policy() -> None:
    page = (REPOSITORY / "docs/trials.md").read_text()
    for name, value in TrialPolicy().model_dump(mode="json").items():
        shown = f"`{value}`" if isinstance(value, str) else f"{value:g}"
        assert f"| `{name}` | {shown} |" in page, name
