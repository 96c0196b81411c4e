"""What calls in production show of a challenger, where chance decided who answered and where it did not.

Rates of errors are in `test_online_calibration`.
"""

import random
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest

from bench.online_worlds import (
    START,
    Drawn,
    World,
    at_random,
    constant,
    hard_ones_stay,
    leave_when_unhappy,
    steps,
)
from teleprompt.config.production import MissingOutcomes
from teleprompt.deltaone.online_report import OnlineReport
from teleprompt.errors import TelepromptError
from teleprompt.production import Call, OnlinePolicy, decide_online
from teleprompt.records import MILLION

POLICY = OnlinePolicy()
WORLDS = 200


def draw(world: World, seed: int = 0) -> list[Call]:
    return world.draw(np.random.default_rng(seed))


def arm(
    name: str, keys: int, outcome: float | None, *, share: float = 0.5, per_key: int = 20, days: float = 21
) -> list[Call]:
    """Calls of so many keys, all with one outcome, spread over the days."""
    n = keys * per_key
    return [
        Call(f"{name} {i % keys}", name, share, START + timedelta(days=days * i / n), outcome)  # type: ignore[arg-type]
        for i in range(n)
    ]


def both(champion: float | None, challenger: float | None, **how: float) -> list[Call]:
    return arm("champion", 200, champion, **how) + arm("challenger", 200, challenger, **how)


def blocked(calls: list[Call], policy: OnlinePolicy = POLICY) -> str:
    report = decide_online(calls, policy)
    assert report.blocked is not None
    assert report.verdict == "inconclusive"
    return report.blocked


def test_calls_of_one_customer_are_not_independent() -> None:
    """Three hundred customers, alike in ten calls each, know as much as three hundred calls."""
    calls = draw(World("", keys=300, calls=10, sd=1.0))
    alone = [replace(call, key=None) for call in calls]
    tied, loose = decide_online(calls, POLICY), decide_online(alone, POLICY)
    assert tied.ci_high_e6 - tied.ci_low_e6 > 2 * (loose.ci_high_e6 - loose.ci_low_e6)


def test_a_gain_that_fades_says_so() -> None:
    calls = draw(World("", keys=20_000, weeks=2, effect=steps((0, 0.12), (7, -0.05))))
    assert blocked(calls).startswith("novelty: ")


# Looking often


def test_a_look_in_the_middle_of_a_week_tells_nothing_new() -> None:
    calls = draw(World("", keys=2_000, calls=2, weeks=3))
    looks = [
        decide_online([c for c in calls if c.at < START + timedelta(days=day)], POLICY) for day in (14.1, 17, 19.9)
    ]
    assert looks[0] == looks[1] == looks[2] != decide_online(calls, POLICY)


def test_the_looks_share_the_level() -> None:
    for policy in (POLICY, OnlinePolicy(minimum_days=7, claim_days=366), OnlinePolicy(claim_days=1)):
        total = sum(policy.level_after(weeks) for weeks in range(policy.minimum_weeks, 5_000))
        assert 0.99 * policy.level < total <= policy.level


def test_a_smaller_level_asks_for_more() -> None:
    calls = draw(World("", keys=4_000, effect=constant(0.08)))
    assert decide_online(calls, POLICY).verdict == "promote"
    assert decide_online(calls, OnlinePolicy(level=0.025 / 100_000)).verdict == "inconclusive"


# Who answers


@pytest.mark.parametrize("share", [0.05, 0.2, 0.5])
def test_hard_customers_that_are_kept_back_block_with_the_cause(share: float) -> None:
    calls = draw(World("", keys=4_000, calls=3, sd=0.25, share=constant(share), misplaced=hard_ones_stay(0.13, 0.03)))
    assert blocked(calls).startswith("sample_ratio: the challenger answered ")


def test_a_ratio_that_is_right_in_all_and_wrong_each_week_blocks() -> None:
    def in_turn(drawn: Drawn) -> np.ndarray:
        return drawn.position < np.where(drawn.days < 7, 0.3, 0.7)

    assert "new each week" in blocked(draw(World("", keys=3_000, weeks=2, misplaced=in_turn)))


def test_keys_that_were_unlike_before_there_was_a_challenger_block() -> None:
    """As many as the share says, but chosen."""
    calls = draw(World("", keys=2_000, calls=6, sd=0.3, misplaced=lambda drawn: drawn.own > 0))
    former = [
        replace(call, arm="champion", share=0.0, at=call.at - timedelta(days=30))
        for call in draw(World("", keys=2_000, calls=6, sd=0.3, misplaced=lambda drawn: drawn.own > 0))
    ]
    assert blocked([*former, *calls]).startswith("unlike_before: ")
    chosen_by_chance = draw(World("", keys=2_000, calls=6, sd=0.3))
    before = [replace(c, arm="champion", share=0.0, at=c.at - timedelta(days=30)) for c in chosen_by_chance]
    assert decide_online([*before, *chosen_by_chance], POLICY).blocked is None


def test_keys_in_both_arms_at_one_share_are_dropped_and_counted() -> None:
    calls = both(0.5, 0.5)
    strays = [Call(f"champion {i}", "challenger", 0.5, START + timedelta(days=i), 1.0) for i in range(3)]
    report = decide_online([*calls, *strays], POLICY)
    assert (report.keys_in_both, report.baseline.keys, report.delta_e6, report.blocked) == (3, 197, 0, None)
    many = [Call(f"champion {i}", "challenger", 0.5, START + timedelta(days=i % 7), 1.0) for i in range(20)]
    assert blocked([*calls, *many]).startswith("keys_in_both: 20 keys ")


def test_a_key_that_a_raised_share_moves_counts_in_both_times() -> None:
    calls = draw(World("", keys=3_000, calls=6, share=steps((0, 0.2), (7, 0.5)), effect=constant(0.1)))
    report = decide_online(calls, POLICY)
    assert (report.verdict, report.keys_in_both, report.blocked) == ("promote", 0, None)


def test_users_who_call_less_because_they_are_unhappy_block() -> None:
    """Those who stay are content, so the mean of the calls rises."""
    assert blocked(draw(World("", keys=3_000, calls=10, sd=0.2, made=leave_when_unhappy))).startswith("calls_differ: ")


def test_a_challenger_at_a_share_of_0_blocks() -> None:
    calls = [*both(0.5, 0.5), *arm("challenger", 5, 1.0, share=0.0)]
    assert "a share of 0 gives 0" in blocked(calls)


# What is missing


def test_outcomes_that_are_missing_unequally_block() -> None:
    calls = draw(World("", keys=4_000, effect=constant(0.1), silent=at_random(0.05, 0.1)))
    for missing in (MissingOutcomes.BOUNDS, MissingOutcomes.AT_RANDOM):
        assert blocked(calls, OnlinePolicy(missing=missing)).startswith("silence_differs: ")
    assert decide_online(calls, OnlinePolicy(missing=MissingOutcomes.ZERO_AFTER_MATURITY)).blocked is None


def test_keys_that_are_silent_in_part_and_differ_in_one_arm_block_what_trusts_them() -> None:
    def silent(rng: np.random.Generator, drawn: Drawn) -> np.ndarray:
        return rng.random(len(drawn.key)) < np.where(drawn.challenger, 0.3 * (drawn.own < 0), 0.15)

    calls = draw(World("", keys=3_000, calls=6, sd=0.3, silent=silent))
    assert blocked(calls, OnlinePolicy(missing=MissingOutcomes.AT_RANDOM)).startswith("silence_differs: ")


def test_bounds_cost_as_many_points_as_outcomes_are_missing() -> None:
    calls = draw(World("", keys=4_000, silent=at_random(0.05, 0.05)))
    bounds, trusting = (
        decide_online(calls, OnlinePolicy(missing=kind)) for kind in (MissingOutcomes.BOUNDS, MissingOutcomes.AT_RANDOM)
    )
    assert bounds.delta_e6 == trusting.delta_e6
    assert 35_000 < trusting.ci_low_e6 - bounds.ci_low_e6 < 65_000
    assert 35_000 < bounds.ci_high_e6 - trusting.ci_high_e6 < 65_000


def test_what_is_too_young_waits() -> None:
    calls = draw(World("", keys=2_000, calls=2, weeks=4))
    young = [replace(call, outcome=None) if call.at > START + timedelta(days=21.1) else call for call in calls]
    report = decide_online(young, OnlinePolicy(maturity_days=7))
    assert (report.weeks, report.baseline.missing, report.optimized.missing) == (3, 0, 0)


def test_the_claim_proven_asks_for_the_threshold() -> None:
    calls = draw(World("", keys=12_000, effect=constant(0.04)))
    assert decide_online(calls, POLICY).verdict == "promote"
    proven = decide_online(calls, OnlinePolicy(claim="proven", threshold=0.03))
    assert proven.verdict == "inconclusive"
    assert decide_online(calls, OnlinePolicy(threshold=0.2)).verdict == "inconclusive"


# Whatever comes


@pytest.mark.parametrize(
    "calls",
    [
        [],
        arm("champion", 50, 1.0),
        arm("challenger", 50, 1.0),
        both(None, None),
        both(1.0, 1.0),
        both(0.0, 0.0),
        both(0.0, 1.0, share=1.0),
        both(0.0, 1.0, share=0.0),
        both(0.0, 1.0, days=13),
        arm("champion", 1, 0.0) + arm("challenger", 1, 1.0),
    ],
    ids=[
        "none", "one arm", "the other", "no outcome", "all good", "all bad", "share 1", "share 0", "13 days",
        "two keys",
    ],
)  # fmt: skip
def test_what_shows_nothing_decides_nothing(calls: list[Call]) -> None:
    report = decide_online(calls, POLICY)
    assert report.verdict == "inconclusive"
    assert report.ci_low_e6 <= report.delta_e6 <= report.ci_high_e6


def test_eight_keys_an_arm_show_the_plainest_difference_only() -> None:
    plain = decide_online(arm("champion", 8, 0.0) + arm("challenger", 8, 1.0), POLICY)
    assert (plain.verdict, plain.delta_e6, plain.ci_low_e6 < 600_000) == ("promote", MILLION, True)
    assert decide_online(arm("champion", 8, 0.4) + arm("challenger", 8, 0.6), POLICY).verdict == "inconclusive"


def test_order_time_zone_and_names_of_keys_do_not_matter() -> None:
    calls = draw(World("", keys=500, calls=3, sd=0.1, effect=constant(0.1), silent=at_random(0.02, 0.02)))
    expected = decide_online(calls, POLICY)
    shuffled = random.Random(0).sample(calls, len(calls))
    naive = [replace(call, at=call.at.replace(tzinfo=None)) for call in calls]
    elsewhere = [replace(call, at=call.at.astimezone(timezone(timedelta(hours=-7)))) for call in calls]
    assert [decide_online(each, POLICY) for each in (shuffled, naive, elsewhere)] == [expected] * 3


def test_a_call_that_was_logged_twice_is_no_further_evidence() -> None:
    calls = draw(World("", keys=1_000, effect=constant(0.05)))
    once_, twice = decide_online(calls, POLICY), decide_online(calls * 2, POLICY)
    assert (once_.delta_e6, once_.ci_low_e6, once_.ci_high_e6) == (twice.delta_e6, twice.ci_low_e6, twice.ci_high_e6)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"arm": "baseline"}, "arm is 'baseline'"),
        ({"share": 1.2}, r"share is 1.2, which is not in \[0, 1\]"),
        ({"share": float("nan")}, "share is nan"),
        ({"outcome": float("inf")}, "outcome is inf"),
        ({"outcome": float("nan")}, "outcome is nan"),
        ({"outcome": -0.01}, "outcome is -0.01"),
        ({"outcome": "good"}, "outcome is no number"),
        ({"at": "2026-01-05"}, "time is of the type str"),
    ],
)
def test_a_call_that_is_none_is_refused_in_one_sentence(wrong: dict, message: str) -> None:
    call = replace(Call("anna", "champion", 0.5, START, 1.0), **wrong)
    with pytest.raises(TelepromptError, match=message):
        decide_online([call], POLICY)


def test_until_says_how_far_the_calls_go() -> None:
    calls = both(0.4, 0.6, days=18)
    assert decide_online(calls, POLICY).weeks == 2
    assert decide_online(calls, POLICY, until=START + timedelta(days=21)).weeks == 3
    assert decide_online(calls, POLICY, until=datetime(2026, 1, 12, tzinfo=UTC)).weeks == 1


def test_the_report_explains_itself_and_is_read_again() -> None:
    report = decide_online(both(0.4, 0.6), POLICY, versions=("1.0.0", "1.0.0-opt"))
    assert report.reason.endswith("between 4000 calls of 1.0.0-opt and 4000 of 1.0.0: promote.")
    assert OnlineReport.from_stored(report.to_stored()) == report


def test_the_contract_costs_no_numerical_library_at_import() -> None:
    code = "import sys, teleprompt.production; print({'numpy', 'scipy', 'mlflow'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"


def test_no_gain_is_no_harm() -> None:
    nothing = decide_online(draw(World("", keys=30_000, calls=2)), POLICY)
    assert (nothing.verdict, nothing.blocked, nothing.ci_high_e6 < 10_000) == ("inconclusive", None, True)
