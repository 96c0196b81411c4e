"""Comparisons without a gain, drawn from one's own scores, are promoted as seldom as alpha says."""

import random
from pathlib import Path

import pytest

from teleprompt.config.gate import Claim
from teleprompt.deltaone.report import GatePolicy
from teleprompt.errors import ConfigurationError
from teleprompt.score_files.calibration import Calibration, calibrate, resampled, split
from teleprompt.score_files.pairing import Pairs
from teleprompt.score_files.scores import Scores

POLICY = GatePolicy(threshold_e6=1, claim=Claim.SIGNIFICANT, alpha=0.2)


def pairs(groups: list[str] | None = None, gain: float = 0.0) -> Pairs:
    draw = random.Random(5)
    ids = [str(i) for i in range(200)]
    before = [int(draw.random() < 0.5) * 1_000_000 for _ in ids]
    after = [score if draw.random() < 0.7 else int(draw.random() < 0.5 + gain) * 1_000_000 for score in before]
    return Pairs(ids, before, after, groups, {}, {})


def test_no_gain_is_promoted_as_often_as_alpha_allows_however_much_the_runs_differ() -> None:
    for gain in (0.0, 0.5):
        found = calibrate(resampled(pairs(gain=gain)), POLICY, rounds=400)
        assert (found.rounds, found.n, found.allowed) == (400, 200, 0.1)
        assert found.holds
        assert found.share > 0.03  # the exact test is conservative, but it is no wall


def test_a_group_is_drawn_and_swapped_as_a_whole() -> None:
    groups = [str(i // 50) for i in range(200)]
    baseline, candidate, names = resampled(pairs(groups))(random.Random(1))
    assert (len(baseline), len(candidate), names) == (200, 200, [str(i // 50) for i in range(200)])
    known = pairs(groups)
    blocks = [
        {tuple(known.baseline_e6[at : at + 50]), tuple(known.candidate_e6[at : at + 50])} for at in range(0, 200, 50)
    ]
    for at in range(0, 200, 50):
        assert {tuple(baseline[at : at + 50]), tuple(candidate[at : at + 50])} in blocks


def test_halves_of_one_run_are_a_comparison_without_a_gain() -> None:
    scores = Scores(Path("a.csv"), [], None, [i % 2 * 1_000_000 for i in range(201)], None)
    found = calibrate(split(scores), POLICY, rounds=200)
    assert (found.n, found.holds) == (100, True)


def test_groups_are_not_torn_into_halves() -> None:
    with pytest.raises(ConfigurationError, match="give two runs of the same program"):
        split(Scores(Path("a.csv"), ["1", "2"], None, [0, 0], ["x", "x"]))


def test_an_excess_is_one_that_chance_does_not_explain() -> None:
    assert Calibration(rounds=500, n=100, promoted=17, allowed=0.025).holds
    assert not Calibration(rounds=500, n=100, promoted=25, allowed=0.025).holds
    low, high = Calibration(rounds=500, n=100, promoted=10, allowed=0.025).interval
    assert (round(low, 4), round(high, 4)) == (0.0109, 0.0364)  # statsmodels' proportion_confint(method="wilson")
