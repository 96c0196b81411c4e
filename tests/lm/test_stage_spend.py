"""What stages spent, as metrics and back."""

from teleprompt.lm.meter import Spend
from teleprompt.lm.stage_spend import StageSpend, spend_by_stage, with_spend, with_whole_spend

CALLS = Spend(calls=3, tokens_in=10, tokens_out=5, cost_e6=2_500)


def test_what_is_logged_is_read_back_by_stage_and_in_sum() -> None:
    metrics: dict[str, float] = {"delta": 0.1}
    for stage in ("select", "gate"):
        metrics |= with_spend(metrics, stage, CALLS)
    assert spend_by_stage(metrics) == dict.fromkeys(("gate", "select"), StageSpend(calls=3, tokens=15, cost_usd=0.0025))
    assert (metrics["lm_calls"], metrics["lm_tokens"], metrics["lm_cost"]) == (6, 30, 0.005)


def test_a_stage_that_is_done_again_is_paid_again() -> None:
    once = with_spend({}, "gate", CALLS)
    assert with_spend(once, "gate", CALLS)["lm_calls/gate"] == 6


def test_a_stage_that_goes_on_with_kept_answers_is_paid_once() -> None:
    failed = with_whole_spend({}, "select", Spend(calls=2, tokens_in=10))
    again = failed | with_whole_spend(failed, "select", CALLS)
    assert spend_by_stage(again) == {"select": StageSpend(calls=3, tokens=15, cost_usd=0.0025)}
    assert (again["lm_calls"], again["lm_tokens"]) == (3, 15)
    assert with_whole_spend(again, "select", Spend(calls=1))["lm_calls"] == 3


def test_candidates_that_are_compiled_side_by_side_are_one_stage() -> None:
    metrics: dict[str, float] = {}
    for seed in (-3, 0, 12):
        metrics |= with_spend(metrics, f"compile_seed_{seed}", CALLS)
    assert spend_by_stage(metrics) == {"compile": StageSpend(calls=9, tokens=45, cost_usd=0.0075)}


def test_a_run_of_an_earlier_version_has_no_stages() -> None:
    assert spend_by_stage({"lm_calls": 16, "lm_cost": 0.1}) == {}
