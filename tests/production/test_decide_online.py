"""Online verdicts in simulated worlds whose truth is known; `bench/online.py` measures many more of each."""

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from bench.online_worlds import World, at_random, constant, hard_ones_stay, steps, unhappy_are_silent
from teleprompt.config.production import MissingOutcomes
from teleprompt.deltaone.online_report import OnlineReport
from teleprompt.errors import TelepromptError
from teleprompt.production import Call, OnlinePolicy, decide_online
from tests.support import fenced_blocks

WORLDS = 40
"""Of which 2.5 % may be wrong: more than four happen to one rule that is right in ten thousand."""
MOST_WRONG = 4
START = datetime(2026, 1, 5, tzinfo=UTC)


def reports(world: World, policy: OnlinePolicy | None = None, *, worlds: int = WORLDS) -> list[OnlineReport]:
    policy = policy or OnlinePolicy()
    return [decide_online(world.draw(np.random.default_rng([7, seed])), policy) for seed in range(worlds)]


def promoted(found: Sequence[OnlineReport]) -> int:
    return sum(report.verdict == "promote" for report in found)


RAISED = {"keys": 3_000, "calls": 3, "share": steps((0, 0.1), (10, 0.5)), "base": steps((0, 0.5), (10, 0.65))}


@pytest.mark.parametrize(
    "world",
    [
        World("customers with many calls", keys=300, calls=10, sd=0.25),
        World("the share is raised while the outcome rises", **RAISED),
        World("and the challenger is worse", effect=constant(-0.03), **RAISED),
        World("new for a week, then worse", keys=3_000, effect=steps((0, 0.12), (7, -0.05))),
        World("its unhappy users are silent", keys=3_000, effect=constant(-0.05), silent=unhappy_are_silent(0.2)),
        World("rare outcomes", keys=3_000, share=constant(0.1), base=constant(0.01)),
        World("few keys", keys=16, calls=20, sd=0.2),
        World("calls without keys", keys=2_000, keyless=True),
    ],
    ids=lambda world: world.name,
)
def test_what_is_no_better_is_hardly_ever_promoted(world: World) -> None:
    assert promoted(reports(world)) <= MOST_WRONG


def test_a_gain_that_stays_is_found() -> None:
    found = reports(World("", keys=6_000, effect=constant(0.1)), worlds=20)
    assert promoted(found) >= 15
    best = next(report for report in found if report.verdict == "promote")
    assert best.ci_low_e6 <= 100_000 <= best.ci_high_e6
    assert best.ci_low_e6 <= best.delta_e6 <= best.ci_high_e6


def test_harm_is_found() -> None:
    found = reports(World("", keys=6_000, effect=constant(-0.1)), worlds=20)
    assert sum(report.verdict == "reject" for report in found) >= 15


def test_customers_that_are_kept_from_the_challenger_are_noticed() -> None:
    world = World("", keys=6_000, calls=3, sd=0.25, share=constant(0.1), misplaced=hard_ones_stay(0.13, 0.03))
    for report in reports(world, worlds=10):
        assert report.verdict == "inconclusive"
        assert str(report.blocked).startswith("sample_ratio: the challenger answered ")


def test_keys_that_both_versions_answered_at_one_share_are_left_out_and_counted() -> None:
    calls = World("", keys=2_000).draw(np.random.default_rng(1))
    moved = [replace(call, arm="champion" if call.arm == "challenger" else "challenger") for call in calls[:2]]
    assert decide_online([*calls, *moved], OnlinePolicy()).keys_in_both == 2
    moved = [replace(call, arm="champion" if call.arm == "challenger" else "challenger") for call in calls[:300]]
    assert "keys_in_both: 300 keys were answered by both versions" in str(
        decide_online([*calls, *moved], OnlinePolicy()).blocked
    )


def test_a_share_that_is_raised_moves_keys_without_harm() -> None:
    report = decide_online(World("", **RAISED).draw(np.random.default_rng(2)), OnlinePolicy())
    assert (report.keys_in_both, report.blocked) == (0, None)


def test_outcomes_that_are_missing_unequally_decide_nothing() -> None:
    world = World("", keys=4_000, silent=at_random(0.05, 0.15))
    for report in reports(world, worlds=5):
        assert "silence_differs" in str(report.blocked)


def test_what_is_missing_counts_as_the_policy_says() -> None:
    calls = World("", keys=6_000, effect=constant(0.1), silent=at_random(0.1, 0.1)).draw(np.random.default_rng(3))
    widths = {}
    for missing in MissingOutcomes:
        report = decide_online(calls, OnlinePolicy(missing=missing))
        widths[missing] = report.ci_high_e6 - report.ci_low_e6
    # Each of ten per cent may have gone either way in both arms.
    assert widths[MissingOutcomes.BOUNDS] > widths[MissingOutcomes.AT_RANDOM] + 150_000


def test_less_than_two_whole_weeks_decide_nothing() -> None:
    early = World("", keys=6_000, weeks=1.7, effect=constant(0.2)).draw(np.random.default_rng(4))
    assert str(decide_online(early, OnlinePolicy()).blocked).startswith("too_short: both versions answered in 1 whole")


def test_the_order_of_the_calls_and_their_time_zones_change_nothing() -> None:
    calls = World("", keys=1_000, effect=constant(0.1)).draw(np.random.default_rng(5))
    shuffled = list(calls)
    random.Random(1).shuffle(shuffled)
    expected = decide_online(calls, OnlinePolicy())
    assert decide_online(shuffled, OnlinePolicy()) == expected
    naive = [replace(call, at=call.at.replace(tzinfo=None)) for call in calls]
    assert decide_online(naive, OnlinePolicy()) == expected


def one_call(**changes: object) -> list[Call]:
    good = {"key": "a", "arm": "champion", "share": 0.5, "at": START, "outcome": 1.0}
    return [Call(**{**good, **changes})]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("calls", "said"),
    [
        (one_call(arm="control"), "A call's arm is 'control'; name the version"),
        (one_call(outcome=float("nan")), "A call's outcome is nan, which is not in"),
        (one_call(outcome=1.5), "A call's outcome is 1.5, which is not in"),
        (one_call(outcome="good"), "A call's outcome is no number"),
        (one_call(share=1.2), "A call's share is 1.2, which is not in"),
        (one_call(at="yesterday"), "A call's time is of the type str; give it as a datetime."),
    ],
)
def test_what_is_no_call_is_refused_in_one_sentence(calls: list[Call], said: str) -> None:
    with pytest.raises(TelepromptError) as error:
        decide_online(calls, OnlinePolicy())
    assert str(error.value).startswith(said)


@pytest.mark.parametrize(
    "calls",
    [
        list,
        lambda: one_call(),
        lambda: one_call(outcome=None),
        lambda: [*one_call(share=0.0), *one_call(share=1.0, arm="challenger")],
        lambda: World("", keys=500, share=constant(1.0)).draw(np.random.default_rng(6)),
        lambda: World("", keys=500, base=constant(1.0)).draw(np.random.default_rng(6)),
        lambda: World("", keys=500, silent=at_random(1.0, 1.0)).draw(np.random.default_rng(6)),
    ],
    ids=["none", "one", "one without outcome", "no share", "challenger alone", "all alike", "no outcome"],
)
def test_what_can_show_nothing_decides_nothing(calls: Callable[[], list[Call]]) -> None:
    assert decide_online(calls(), OnlinePolicy()).verdict == "inconclusive"


def test_the_level_of_all_looks_is_never_more_than_that_of_the_policy() -> None:
    for policy in (OnlinePolicy(), OnlinePolicy(minimum_days=7, claim_days=56), OnlinePolicy(claim_days=1)):
        looks = range(policy.minimum_weeks, policy.minimum_weeks + 2000)
        assert 0.95 * policy.level < sum(policy.level_after(weeks) for weeks in looks) <= policy.level


def test_a_call_may_be_as_late_as_it_likes() -> None:
    calls = World("", keys=2_000, weeks=2).draw(np.random.default_rng(8))
    younger = [replace(call, at=call.at + timedelta(days=365), share=1.0, arm="challenger") for call in calls[:5]]
    assert decide_online([*calls, *younger], OnlinePolicy()).weeks == 2


def test_the_pages_snippet_finds_the_gain(capsys: pytest.CaptureFixture[str]) -> None:
    (code,) = [block for block in fenced_blocks("docs/deltaone.md", "python") if "decide_online" in block]
    exec(compile(code, "docs/deltaone.md", "exec"), {})
    assert capsys.readouterr().out.startswith("promote +")
