"""When a window's traffic is unusual."""

import random

from teleprompt.alerts._traffic import Traffic, in_words, unusual

STEADY = Traffic(calls_a_day=1000, mean_score=0.7, quarantined_share=0.02, largest_contribution=0.3)


def around(seed: int, **changes: float) -> Traffic:
    """A window like the others."""
    jitter = random.Random(seed)
    own = {name: value * jitter.uniform(0.95, 1.05) for name, value in STEADY.model_dump().items()}
    return Traffic(**{**own, **changes})


BEFORE = [around(seed) for seed in range(8)]


def test_each_figure_is_noticed_by_itself() -> None:
    cases = {"calls_a_day": 300.0, "mean_score": 0.4, "quarantined_share": 0.3, "largest_contribution": 0.8}
    for name, value in cases.items():
        found = unusual(around(99, **{name: value}), BEFORE, sensitivity=5)
        assert list(found) == [name]
        assert found[name][0] == value
    assert "the mean score is 0.4 instead of about 0.7" in in_words(
        unusual(around(99, mean_score=0.4), BEFORE, sensitivity=5)
    )


def test_windows_like_the_others_are_not_unusual() -> None:
    noticed = sum(bool(unusual(around(seed), BEFORE, sensitivity=5)) for seed in range(100, 300))
    assert noticed == 0


def test_one_odd_window_before_hides_nothing() -> None:
    odd = [*BEFORE[:-1], around(7, calls_a_day=100_000)]
    assert "calls_a_day" in unusual(around(99, calls_a_day=300), odd, sensitivity=5)


def test_without_a_past_nothing_is_unusual() -> None:
    assert unusual(around(99, calls_a_day=1), BEFORE[:3], sensitivity=5) == {}
    assert unusual(STEADY, [STEADY] * 8, sensitivity=5) == {}
    assert unusual(around(1, calls_a_day=1010), [STEADY] * 8, sensitivity=5) == {}  # it never moved: two in a hundred
