"""An online comparison decides only where chance decided who answered."""

import random

import pytest

from teleprompt.config.gate import Claim
from teleprompt.deltaone.assignment import Doubt, ObservedCall, doubts_about_assignment
from teleprompt.deltaone.online import compare_online
from teleprompt.deltaone.report import Verdict
from teleprompt.records import MILLION

Arms = tuple[list[ObservedCall], list[ObservedCall]]
DAY = 86_400_000


def world(
    *,
    keys: int = 2000,
    share: float | None = 0.3,
    days: int = 14,
    later_share: float | None = None,
    change_on: int = 7,
    better: float = 0.0,
    seed: int = 0,
) -> Arms:
    """Keys that come on days of their own, three calls each; `choose_version` hashes, so a raised share moves keys."""
    rng = random.Random(seed)
    arms: Arms = ([], [])
    for key in range(keys):
        position, begins = rng.random(), rng.randrange(days)
        for call in range(3):
            day = begins + call
            now = later_share if later_share is not None and day >= change_on else share
            answered_by_second = position < now
            good = rng.random() < 0.5 + (better if answered_by_second else 0)
            arms[answered_by_second].append(ObservedCall(f"customer {key}", MILLION * good, day * DAY))
    return arms


def verdict(arms: Arms, *, share: float) -> tuple[Verdict, str]:
    found = compare_online(
        *arms, versions=("1", "2"), threshold_e6=10_000, claim=Claim.SIGNIFICANT, alpha=0.05, share=share
    )
    return found.verdict, found.blocked or ""


def test_keys_given_out_by_chance_raise_no_doubt() -> None:
    """Of 200 such worlds, each with three questions asked at one in a thousand."""
    doubted = sum(bool(doubts_about_assignment(*world(keys=300, seed=seed), share=0.3)) for seed in range(200))
    assert doubted <= 4


def test_a_real_gain_is_still_found() -> None:
    assert verdict(world(better=0.15), share=0.3) == (Verdict.PROMOTE, "")


def test_calls_that_name_no_key_are_refused() -> None:
    """Without it each call seems independent, and three hundred customers look like three thousand."""
    before, after = world(better=0.15)
    nameless = [ObservedCall(None, call.score_e6, call.started_at_ms) for call in after]
    found, blocked = verdict((before, nameless), share=0.3)
    assert found is Verdict.INCONCLUSIVE
    assert blocked.startswith(Doubt.KEYS_NOT_LOGGED)


@pytest.mark.parametrize("kept_back", [0.5, 0.9])
def test_a_sample_ratio_that_chance_does_not_explain_is_refused(kept_back: float) -> None:
    """Hard customers that stay with the champion make the challenger look good."""
    before, after = world(better=0.15)
    keys = sorted({str(call.key) for call in after})
    moved = set(random.Random(1).sample(keys, round(kept_back * len(keys))))
    stayed = [call for call in after if call.key in moved]
    arms = ([*before, *stayed], [call for call in after if call.key not in moved])
    assert verdict(arms, share=0.3)[0] is Verdict.INCONCLUSIVE
    assert Doubt.SAMPLE_RATIO in verdict(arms, share=0.3)[1]


@pytest.mark.parametrize("change_on", [2, 7, 12])
@pytest.mark.parametrize("stated", [0.1, 0.5])
def test_a_share_that_was_raised_meanwhile_is_refused(change_on: int, stated: float) -> None:
    arms = world(share=0.1, later_share=0.5, change_on=change_on, better=0.15)
    found, doubts = verdict(arms, share=stated)
    assert found is Verdict.INCONCLUSIVE
    assert Doubt.SHARE_CHANGED in doubts


def test_a_share_that_changed_between_keys_is_refused() -> None:
    """As where each key calls once, so that none is seen with both versions."""
    rng = random.Random(0)
    arms: Arms = ([], [])
    for key in range(2000):
        day = rng.randrange(14)
        arms[rng.random() < (0.1 if day < 7 else 0.5)].append(ObservedCall(f"key {key}", MILLION, day * DAY))
    assert Doubt.SHARE_CHANGED in doubts_about_assignment(*arms, share=0.3)


def test_a_few_keys_that_met_both_at_the_beginning_are_borne() -> None:
    """A process that serves learns of a challenger within thirty seconds."""
    before, after = world(better=0.15)
    early = [ObservedCall(call.key, MILLION, 0) for call in after[:3]]
    assert verdict(([*before, *early], after), share=0.3) == (Verdict.PROMOTE, "")


@pytest.mark.parametrize("keys", [20, 60])
def test_a_key_that_met_both_does_not_block_a_small_trial_for_good(keys: int) -> None:
    before, after = world(keys=keys)
    early = ObservedCall(after[0].key, MILLION, 0)
    assert doubts_about_assignment([*before, early], after, share=0.3) == ()
