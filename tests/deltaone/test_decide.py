"""The verdict on paired scores; `test_calibration.py` says how often it is wrong."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.contingency_tables import mcnemar

from teleprompt.config.gate import Claim
from teleprompt.config.outcome import Direction
from teleprompt.deltaone.decide import decide
from teleprompt.deltaone.report import GatePolicy, Verdict
from teleprompt.errors import TelepromptError
from teleprompt.records import MILLION

POLICY = GatePolicy(threshold_e6=10_000, claim=Claim.SIGNIFICANT, alpha=0.05)
PROVEN = GatePolicy(threshold_e6=10_000, claim=Claim.PROVEN, alpha=0.05)


def pairs(*, wins: int = 0, losses: int = 0, both: int = 0, neither: int = 0) -> tuple[list[int], list[int]]:
    """0/1 scores of baseline and optimized with so many pairs of each kind."""
    baseline = [0] * wins + [1] * losses + [1] * both + [0] * neither
    optimized = [1] * wins + [0] * losses + [1] * both + [0] * neither
    return [b * MILLION for b in baseline], [o * MILLION for o in optimized]


def test_a_clear_gain_is_promoted() -> None:
    decision = decide(*pairs(wins=40, losses=10, both=50), policy=POLICY)
    assert (decision.verdict, decision.evidence, decision.delta_e6) == (Verdict.PROMOTE, Claim.PROVEN, 300_000)
    assert (decision.wins, decision.losses, decision.ties) == (40, 10, 50)


def test_a_gain_that_luck_explains_is_not() -> None:
    decision = decide(*pairs(wins=12, losses=10, both=78), policy=POLICY)
    assert (decision.verdict, decision.evidence) == (Verdict.INCONCLUSIVE, None)
    assert decision.examples_needed > 1000


def test_a_loss_is_rejected() -> None:
    assert decide(*pairs(wins=5, losses=40, both=55), policy=POLICY).verdict is Verdict.REJECT


def test_two_equal_programs_are_rejected_when_there_is_enough_to_tell() -> None:
    few, many = (decide(*pairs(both=n), policy=POLICY) for n in (100, 600))
    assert (few.verdict, few.p_value_e6, few.delta_e6) == (Verdict.INCONCLUSIVE, MILLION, 0)
    assert (many.verdict, many.p_value_e6, many.delta_e6) == (Verdict.REJECT, MILLION, 0)


def test_a_significant_gain_need_not_be_proven() -> None:
    scores = pairs(wins=300, losses=220, both=4480)
    assert decide(*scores, policy=POLICY).evidence is Claim.SIGNIFICANT
    assert decide(*scores, policy=POLICY).verdict is Verdict.PROMOTE
    assert decide(*scores, policy=PROVEN).verdict is Verdict.INCONCLUSIVE


def test_one_point_exactly_is_one_point() -> None:
    """0.157 - 0.134 in floats is 0.02299…; integers do not lose the last millionth."""
    baseline = [134_000] * 400
    optimized = [144_000] * 400
    decision = decide(baseline, optimized, policy=POLICY)
    assert (decision.delta_e6, decision.verdict) == (10_000, Verdict.PROMOTE)
    assert decide(baseline, [143_999] * 400, policy=POLICY).verdict is Verdict.INCONCLUSIVE


def test_a_small_gain_everywhere_may_hide_a_rare_ruin() -> None:
    """200 examples miss what ruins one in 55 with a probability of alpha / 2; 400 do not."""
    decision = decide([500_000] * 200, [510_000] * 200, policy=POLICY)
    assert (decision.delta_e6, decision.verdict) == (10_000, Verdict.INCONCLUSIVE)
    missed = 1 - 0.025 ** (1 / 200)
    assert decision.ci_low_e6 == round(((1 - missed) * 0.01 - missed) * MILLION)
    assert decision.examples_needed == math.ceil(math.log(40) / math.log(1.01)) - 200


def test_one_large_group_may_hide_more_than_many_small_ones() -> None:
    """What was missed may be as large as the largest group that was seen."""
    small = [str(i) for i in range(400)]
    mixed = [*small[:370], *["large"] * 30]
    baseline, optimized = [500_000] * 400, [515_000] * 400
    even, uneven = (decide(baseline, optimized, groups=groups, policy=POLICY) for groups in (small, mixed))
    assert even.verdict is Verdict.PROMOTE
    assert uneven.verdict is Verdict.INCONCLUSIVE
    assert uneven.ci_low_e6 < -200_000


def test_a_claim_of_proof_needs_examples_beyond_the_threshold() -> None:
    decision = decide(*pairs(wins=300, losses=220, both=4480), policy=PROVEN)
    assert decision.examples_needed == 17_956  # to tell +1.6 from +1, not from 0


def test_lower_can_be_better() -> None:
    baseline, optimized = pairs(wins=10, losses=40, both=50)
    policy = POLICY.model_copy(update={"direction": Direction.LOWER})
    down, up = decide(baseline, optimized, policy=policy), decide(optimized, baseline, policy=POLICY)
    assert (down.verdict, down.delta_e6, down.wins) == (Verdict.PROMOTE, 300_000, 40)
    assert (down.baseline_e6, down.optimized_e6) == (up.optimized_e6, up.baseline_e6)
    assert (down.ci_low_e6, down.ci_high_e6, down.p_value_e6) == (up.ci_low_e6, up.ci_high_e6, up.p_value_e6)


@pytest.mark.parametrize(
    ("wins", "losses", "points"), [(30, 10, 20), (2, 1, 1), (0, 1, -1), (515, 500, 1), (45, 0, 45)]
)
def test_every_exact_point_is_an_exact_point(wins: int, losses: int, points: int) -> None:
    n = 1500 if wins + losses > 100 else 100
    decision = decide(*pairs(wins=wins, losses=losses, both=n - wins - losses), policy=POLICY)
    assert decision.delta_e6 == points * 10_000
    assert decision.discordance_e6 == round((wins + losses) / n * MILLION)


@pytest.mark.parametrize(("wins", "losses"), [(1, 0), (5, 5), (9, 2), (30, 12), (0, 7)])
def test_mcnemar_is_that_of_statsmodels(wins: int, losses: int) -> None:
    expected = mcnemar([[10, losses], [wins, 10]], exact=True).pvalue
    decision = decide(*pairs(wins=wins, losses=losses, both=10, neither=10), policy=POLICY)
    assert decision.p_value_e6 == round(expected * MILLION)


def test_sign_flips_agree_with_scipy() -> None:
    import numpy as np
    from scipy.stats import permutation_test

    rng = np.random.default_rng(1)
    baseline = rng.uniform(0.2, 0.8, 60)
    optimized = np.clip(baseline + rng.normal(0.03, 0.1, 60), 0, 1)
    expected = permutation_test(
        (optimized, baseline), lambda x, y, axis: np.mean(x - y, axis=axis), vectorized=True,
        permutation_type="samples", n_resamples=9999, rng=np.random.default_rng(2),
    ).pvalue  # fmt: skip
    as_e6 = [[round(v * MILLION) for v in values] for values in (baseline, optimized)]
    decision = decide(*as_e6, policy=POLICY)
    assert decision.p_value_e6 / MILLION == pytest.approx(expected, abs=0.015)
    assert decision.ci_low_e6 < decision.delta_e6 < decision.ci_high_e6


scores = st.lists(st.tuples(st.integers(0, MILLION), st.integers(0, MILLION)), min_size=1, max_size=12)


@given(scores)
def test_any_scores_have_one_consistent_answer(values: list[tuple[int, int]]) -> None:
    baseline, optimized = [v[0] for v in values], [v[1] for v in values]
    decision = decide(baseline, optimized, policy=POLICY)
    assert decision == decide(baseline, optimized, policy=POLICY)
    assert decision.ci_low_e6 <= decision.ci_high_e6
    assert decision.wins + decision.losses + decision.ties == decision.n == len(values)
    if decision.verdict is Verdict.PROMOTE:
        assert decision.delta_e6 >= 10_000
        assert decision.ci_low_e6 > 0
    if decision.verdict is Verdict.REJECT:
        assert decision.ci_high_e6 < 10_000


def test_one_example_proves_nothing() -> None:
    assert decide([0], [MILLION], policy=POLICY).verdict is not Verdict.PROMOTE


@pytest.mark.parametrize(
    ("baseline", "optimized"),
    [([], []), ([1], [1, 2]), ([0], [MILLION + 1]), ([-1], [0]), ([0], [float("nan")]), ([0.5], [0.7]), ([True], [1])],
)
def test_what_cannot_be_compared_is_an_error(baseline: list[int], optimized: list[int]) -> None:
    with pytest.raises(TelepromptError):
        decide(baseline, optimized, policy=POLICY)


def test_groups_count_once_however_many_examples_they_have() -> None:
    """Ten copies of each of 12 pairs prove no more than the 12."""
    baseline, optimized = pairs(wins=8, losses=3, both=1)
    once = decide(baseline, optimized, policy=POLICY)
    groups = [str(i) for i in range(12) for _ in range(10)]
    copies = decide(
        [b for b in baseline for _ in range(10)],
        [o for o in optimized for _ in range(10)],
        groups=groups,
        policy=POLICY,
    )
    assert once.verdict is copies.verdict is Verdict.INCONCLUSIVE
    assert (copies.n, copies.n_groups) == (120, 12)
    assert copies.p_value_e6 == pytest.approx(once.p_value_e6, abs=20_000)
    naive = decide([b for b in baseline for _ in range(10)], [o for o in optimized for _ in range(10)], policy=POLICY)
    assert naive.verdict is Verdict.PROMOTE  # what ignoring the groups would have done


def test_a_single_group_proves_nothing() -> None:
    scores = pairs(wins=30, losses=1)
    assert decide(*scores, groups=["g"] * 31, policy=POLICY).verdict is Verdict.INCONCLUSIVE


def test_grouped_comparisons_without_effect_are_rarely_promoted() -> None:
    """40 groups of 5 alike pairs, 200 times; the error promised is 2.5 % on the side of a gain."""
    import numpy as np

    rng = np.random.default_rng(0)
    promoted = 0
    for _ in range(200):
        gains = rng.choice([-1, 0, 1], size=40, p=[0.2, 0.6, 0.2])
        baseline = [MILLION * int(g < 0) for g in gains for _ in range(5)]
        optimized = [MILLION * int(g > 0) for g in gains for _ in range(5)]
        groups = [str(i) for i in range(40) for _ in range(5)]
        promoted += decide(baseline, optimized, groups=groups, policy=POLICY).verdict is Verdict.PROMOTE
    assert promoted <= 12  # 5 expected; 12 has a chance of 0.3 %


def test_each_example_needs_a_group_of_its_own_or_none() -> None:
    with pytest.raises(TelepromptError, match="2 examples and 1 groups"):
        decide([0, 0], [1, 1], groups=["a"], policy=POLICY)


def test_a_gain_just_below_the_threshold_needs_no_number_of_examples() -> None:
    decision = decide(*pairs(wins=1290, losses=1140, both=17_570), policy=POLICY)
    assert (decision.delta_e6, decision.verdict, decision.examples_needed) == (7_500, Verdict.INCONCLUSIVE, 0)
    assert decision.reason.endswith("not decided; the change is too close to 1 point to tell on which side it lies.")


def test_a_gain_that_is_rounded_up_to_the_threshold_is_below_it() -> None:
    """20,001 pairs whose mean gain is 9,999.6 millionths: the rounded means differ by 10,000."""
    baseline, optimized = [0] * 20_001, [10_000] * 12_000 + [9_999] * 8_001
    policy = GatePolicy(threshold_e6=10_000, claim=Claim.SIGNIFICANT, alpha=0.05)
    found = decide(baseline, optimized, policy=policy)
    assert (found.delta_e6, found.evidence, found.verdict) == (10_000, None, Verdict.INCONCLUSIVE)
