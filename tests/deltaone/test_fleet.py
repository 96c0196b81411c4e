"""What holds of many promotions together."""

import numpy as np
import pytest

from teleprompt.deltaone import Trial, TrialPolicy
from teleprompt.deltaone.fleet import e_bh, e_value, level_in_fleet


def test_the_largest_that_hold_together_are_selected() -> None:
    # Of ten hypotheses at 10 %: one alone needs 100, two need 50 each, three 33.3.
    assert e_bh([99.0], fdr=0.1, family=10) == [False]
    assert e_bh([100.0, 1.0], fdr=0.1, family=10) == [True, False]
    assert e_bh([60.0, 2.0, 50.0], fdr=0.1, family=10) == [True, False, True]
    assert e_bh([34.0, 34.0, 34.0, 10.0], fdr=0.1, family=10) == [True, True, True, False]
    assert e_bh([], fdr=0.1, family=10) == []


def test_promotions_at_the_fleets_levels_are_among_those_that_are_selected() -> None:
    """However their evidence grows: the k-th has at least family / (fdr k)."""
    rng = np.random.default_rng(0)
    values: list[float] = []
    for promoted in range(12):
        needed = 1 / level_in_fleet(fdr=0.05, family=200, promoted=promoted)
        values.append(needed * (1 + rng.exponential()))
        assert all(e_bh(values, fdr=0.05, family=200))


def test_the_evidence_of_a_trial_is_that_of_its_bets_and_of_its_first_window() -> None:
    def after(wins: int, policy: TrialPolicy) -> Trial:
        scores = [0] * wins + [1_000_000] * 8, [1_000_000] * wins + [0] * 8
        return Trial(policy).add(*scores, window="2026-01-05/2026-01-12")

    no_first_look = TrialPolicy(first_look_share=0)
    assert e_value(after(20, no_first_look).report) == pytest.approx(np.exp(after(20, no_first_look).report.log_e))
    both = after(20, TrialPolicy()).report
    assert both.first_p_value_e6 is not None
    calibrated = 0.2 / (2 * (both.first_p_value_e6 / 1e6) ** 0.5)
    assert e_value(both) == pytest.approx(0.8 * np.exp(both.log_e) + calibrated)
    assert e_value(after(8, TrialPolicy()).report) < 1


def test_without_a_gain_the_evidence_is_at_most_1_on_average_wherever_a_trial_stops() -> None:
    rng = np.random.default_rng(3)
    policy = TrialPolicy(level=0.2, horizon=4)
    found = []
    for _ in range(400):
        trial = Trial(policy)
        for week in range(4):
            gains = rng.choice([-1, 0, 1], p=[0.1, 0.8, 0.1], size=40)
            scores = [1_000_000 * int(x < 0) for x in gains], [1_000_000 * int(x > 0) for x in gains]
            trial = trial.add(*scores, window=str(week))
        found.append(e_value(trial.report))
    assert np.mean(found) <= 1 + 3 * np.std(found) / 20
