"""What calls in which chance chose the answer show of answers that nobody gave, and when they show nothing."""

import math
from dataclasses import replace

import numpy as np
import pytest

from bench.off_policy import POLICY, Measured, measure
from bench.off_policy_worlds import World, adversarial_worlds, always, around, equal, fixed, note_worlds, right, some
from teleprompt.config.gate import Claim
from teleprompt.config.production import MissingOutcomes
from teleprompt.deltaone.off_policy_report import OffPolicyReport
from teleprompt.errors import TelepromptError
from teleprompt.production import ExploredCall, OffPolicyPolicy, decide_off_policy
from tests.deltaone.test_online_calibration import most

WORLDS = 60
ADVERSARIAL = {world.name: world for world in adversarial_worlds()}


def report(world: World, seed: int = 0, policy: OffPolicyPolicy = POLICY) -> OffPolicyReport:
    return decide_off_policy(world.draw(np.random.default_rng(seed))[0], policy)


def blocked(world: World) -> str:
    found = report(world)
    assert (found.verdict, found.evidence) == ("inconclusive", None)
    assert found.blocked is not None
    return found.blocked


def calls(rows: int = 1, **changes: object) -> list[ExploredCall]:
    good = ExploredCall(key=None, answer="a", propensity=0.5, champion="a", candidate="b", outcome=1.0)
    return [replace(good, **changes)] * rows  # type: ignore[arg-type]


# The estimate


def test_by_hand() -> None:
    """Where they differ, half of 400 calls got either answer: 0.9 came of the candidate's and 0.4 of the champion's."""
    drawn = [
        *calls(90, answer="b", outcome=1.0), *calls(10, answer="b", outcome=0.0),
        *calls(40, answer="a", outcome=1.0), *calls(60, answer="a", outcome=0.0),
        *calls(200, candidate="a", outcome=1.0, propensity=1.0),
    ]  # fmt: skip
    found = decide_off_policy(drawn, POLICY)
    assert (found.calls, found.differ, found.verdict) == (400, 200, "promote")
    assert found.self_normalised.delta_e6 == 250_000
    assert abs(found.delta_e6 - 250_000) < 2_000
    assert (found.baseline.matched, found.optimized.matched) == (100, 100)
    assert (found.optimized.effective_keys, found.optimized.mean_weight) == (100.0, 1.0)
    assert found.optimized.mean_e6 is not None
    assert found.baseline.mean_e6 is not None
    assert found.optimized.mean_e6 - found.baseline.mean_e6 == found.delta_e6


def test_the_order_of_the_calls_is_no_matter() -> None:
    drawn, _ = World("", per_key=5).draw(np.random.default_rng(3))
    assert decide_off_policy(drawn, POLICY) == decide_off_policy(drawn[::-1], POLICY)


def test_calls_of_one_customer_are_not_independent() -> None:
    """A customer who asks the same ten times, and is answered the same, tells as much as one who asks once."""
    once, _ = World("", around(right, 0.3), n=600).draw(np.random.default_rng(0))
    ten_times = [call for call in once for _ in range(10)]
    tied = decide_off_policy(ten_times, POLICY)
    loose = decide_off_policy([replace(call, key=None) for call in ten_times], POLICY)
    assert tied.ci_high_e6 - tied.ci_low_e6 > 2 * (loose.ci_high_e6 - loose.ci_low_e6)


def test_programs_that_answer_alike_differ_by_nothing() -> None:
    found = decide_off_policy(calls(50, candidate="a"), POLICY)
    assert (found.verdict, found.delta_e6, found.blocked, found.differ) == ("inconclusive", 0, None, 0)


def test_a_level_of_its_own_for_each_look() -> None:
    world = note_worlds()[1]
    strict, plain = report(world, policy=OffPolicyPolicy(level=0.001)), report(world)
    assert strict.ci_low_e6 < plain.ci_low_e6
    assert strict.alpha == 0.002


def test_proven_needs_the_whole_interval() -> None:
    world = replace(note_worlds()[3], a_in_hard=0.2, b_in_hard=0.25)
    assert report(replace(world, n=10_000)).evidence == Claim.SIGNIFICANT
    assert report(note_worlds()[3]).evidence == Claim.PROVEN


# The four worlds in which agreement with good answers misleads, or does not


@pytest.mark.parametrize(
    ("number", "truth", "ips_error"), [(0, -15, 4.1), (1, 15, 4.1), (2, 15, 6.3), (3, 15, 1.4)], ids=str
)
def test_the_four_worlds(number: int, truth: float, ips_error: float) -> None:
    found = measure(note_worlds()[number], worlds=WORLDS)
    for estimate in (found.ips, found.robust):
        assert abs(estimate - truth) < 4 * ips_error / math.sqrt(WORLDS)
    assert found.robust_error < ips_error < 1.5 * found.ips_error
    assert found.covered > 0.85
    assert (found.promotes, found.rejects)[truth > 0] == 0
    assert number == 2 or (found.rejects, found.promotes)[truth > 0] > 0.9


@pytest.mark.parametrize("number", range(4))
def test_without_a_difference_the_level_is_kept_in_them(number: int) -> None:
    never_wrongly(measure(equal(note_worlds()[number]), worlds=WORLDS))


def never_wrongly(found: Measured) -> None:
    assert found.promotes <= most(POLICY.level, found.worlds)
    assert found.rejects <= most(POLICY.level, found.worlds)


# What may go wrong


@pytest.mark.parametrize("name", [name for name in ADVERSARIAL if "worse" not in name][:10])
def test_the_level_is_kept(name: str) -> None:
    never_wrongly(measure(ADVERSARIAL[name], worlds=40))


def test_silent_unhappy_users_of_a_worse_answer_promote_nothing() -> None:
    (world,) = [world for name, world in ADVERSARIAL.items() if "silent" in name]
    assert measure(world, worlds=20).promotes == 0


@pytest.mark.parametrize("missing", [MissingOutcomes.BOUNDS, MissingOutcomes.AT_RANDOM])
def test_outcomes_that_are_missing_of_one_answer_decide_nothing(missing: MissingOutcomes) -> None:
    world = World("", around(right, 0.2), silent=lambda _rng, drawn: (drawn.answer == 0) & drawn.hard)
    found = report(world, policy=OffPolicyPolicy(missing=missing))
    assert (found.blocked or "").startswith("silence_differs: 100.0 % of the outcomes of the candidate's answers")
    zero = OffPolicyPolicy(missing=MissingOutcomes.ZERO_AFTER_MATURITY)
    assert report(world, policy=zero).verdict == "reject"


@pytest.mark.parametrize(
    ("name", "doubt"),
    [
        ("the candidate's answer was never given", "no_overlap"),
        ("half of its answers were never given, and are bad", "weights_do_not_add_up"),
        ("20 answers, 5 % explored", "hardly_tried"),
        ("one call in a hundred has a propensity of 0", "impossible_propensity"),
        ("one call in a hundred has none", "propensities_not_logged"),
        ("propensities of another policy are logged: 0.5", "weights_do_not_add_up"),
        ("2 % of hard inputs explored, logged as 7 %", "weights_do_not_add_up"),
        ("few calls: 300", "few_effective"),
    ],
)
def test_refused_in_one_sentence(name: str, doubt: str) -> None:
    why = blocked(ADVERSARIAL[name])
    assert why.startswith(f"{doubt}: ")
    assert "; " in why


def test_one_call_that_weighs_as_much_as_all_others_decides_nothing() -> None:
    world = World("", around(right, 0.01), candidate=always(0), tell=some(0.001, 0.01))
    assert blocked(world)


def test_no_calls_decide_nothing() -> None:
    assert decide_off_policy([], POLICY).blocked is not None


@pytest.mark.parametrize("wrong", [{"propensity": 1.5}, {"propensity": math.nan}, {"outcome": -1.0}, {"outcome": "a"}])
def test_what_is_no_probability_and_no_score_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(TelepromptError, match=r"A call's (propensity|outcome) is"):
        decide_off_policy(calls(5, **wrong), POLICY)


def test_nothing_is_known_where_one_answer_was_always_given() -> None:
    assert blocked(World("", fixed(1.0, 0.0), always(0), right)).startswith("no_overlap")
