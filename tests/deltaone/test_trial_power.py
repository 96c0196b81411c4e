"""When a trial is expected to see a gain, by the rule that decides it."""

import pytest

from teleprompt.config.gate import Claim
from teleprompt.deltaone import TrialPolicy
from teleprompt.deltaone.power import estimate_trial_power
from teleprompt.deltaone.trial_power import detectable_gain_e6, expected_waits, units_needed

SD_E6 = 447_214
"""Of differences of 0/1 scores where 20 % of the answers differ."""


@pytest.mark.parametrize(
    ("per_window", "gain_e6", "simulated"),
    [(64, 50_000, 13.4), (160, 30_000, 14.5), (64, 100_000, 3.5)],
)
def test_the_expected_wait_is_about_the_mean_of_simulated_trials(
    per_window: int, gain_e6: int, simulated: float
) -> None:
    waits = {w.gain_e6: w.windows for w in expected_waits(per_window=per_window, sd_e6=SD_E6, policy=TrialPolicy())}
    assert waits[gain_e6] == pytest.approx(simulated, abs=1)


def test_what_is_needed_is_what_is_seen() -> None:
    policy = TrialPolicy()
    needed = units_needed(gain_e6=50_000, sd_e6=SD_E6, policy=policy)
    assert detectable_gain_e6(n=needed, sd_e6=SD_E6, policy=policy) == 50_000
    assert detectable_gain_e6(n=needed - 20, sd_e6=SD_E6, policy=policy) > 50_000


def test_no_gain_of_the_threshold_is_proven_to_be_more_than_it() -> None:
    policy = TrialPolicy(claim=Claim.PROVEN)
    assert expected_waits(per_window=1000, sd_e6=SD_E6, policy=policy)[0].windows is None


def test_it_says_when_a_decision_is_expected() -> None:
    said = estimate_trial_power(n=64, policy=TrialPolicy(), known_sd_e6=SD_E6).in_words
    assert said.startswith("64 sealed examples a window: a gain of 10 points is expected to show after 4 windows, ")
    assert said.endswith("one of 1 not within 52; for 1 they are too few.")


def test_no_examples_show_nothing() -> None:
    estimate = estimate_trial_power(n=0, policy=TrialPolicy(), known_sd_e6=None)
    assert (estimate.is_enough, estimate.mde_e6) == (False, 1_000_000)
