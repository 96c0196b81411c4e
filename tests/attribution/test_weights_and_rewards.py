import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.teleprompt.attribution.apportion import largest_remainder
from include.teleprompt.attribution.rewards import base_units, format_units, reward_shares
from include.teleprompt.attribution.weights import contributor_weights
from include.teleprompt.errors import ConfigurationError
from include.teleprompt.records import MILLION
from include.teleprompt.traces.snapshot import ContributorShare
from tests.support import ALICE, BOB


def share(name: str, count: int, *addresses: str) -> ContributorShare:
    return ContributorShare(contributor_id=name, addresses=addresses, trace_count=count, score_sum_e6=count * 500_000)


shares = st.lists(st.integers(0, 10**6), min_size=1, max_size=30).filter(any)


@given(st.integers(0, 10**30), shares)
def test_parts_add_up_and_are_within_one_of_their_share(total: int, counts: list[int]) -> None:
    parts = largest_remainder(total, counts, tie_break=[str(i) for i in range(len(counts))])
    assert sum(parts) == total
    for part, count in zip(parts, counts, strict=True):
        assert 0 <= part - total * count // sum(counts) <= 1


@given(shares)
def test_weights_sum_to_one_million(counts: list[int]) -> None:
    weights = contributor_weights(share(f"c{i}", count) for i, count in enumerate(counts) if count)
    assert sum(weight.weight_e6 for weight in weights) == MILLION


def test_three_equal_contributors_get_exactly_one_together() -> None:
    weights = contributor_weights([share("a", 1), share("b", 1), share("c", 1)])
    assert [w.weight_e6 for w in weights] == [333_334, 333_333, 333_333]


def test_one_address_is_one_contributor_and_two_addresses_cannot_be_paid() -> None:
    weights = contributor_weights([share("bob", 2, BOB), share("alias", 3, BOB), share("eve", 5, ALICE, BOB)])
    assert [(w.contributor_id, w.address, w.weight_e6, w.trace_count) for w in weights] == [
        ("alias", BOB, 500_000, 5),
        ("eve", None, 500_000, 5),
    ]


@given(st.integers(0, 10**30), st.lists(st.integers(1, MILLION), min_size=1, max_size=10))
def test_rewards_add_up_to_the_last_base_unit(total: int, weights: list[int]) -> None:
    contributors = [{"contributor_id": str(i), "address": None, "weight": w / MILLION} for i, w in enumerate(weights)]
    assert sum(int(r.base_units) for r in reward_shares(contributors, total)) == total


@pytest.mark.parametrize(
    ("amount", "decimals", "units"),
    [
        ("1000", 18, 10**21),
        ("0.5", 6, 500_000),
        ("1e3", 0, 1000),
        ("123456789012345678901234567890.1", 1, 1234567890123456789012345678901),
    ],
)
def test_amounts_are_exact(amount: str, decimals: int, units: int) -> None:
    assert base_units(amount, decimals=decimals) == units


@pytest.mark.parametrize(
    "amount", ["0.0000001", "-1", "lots", "nan", "inf", "1e999999999", "1e-999999999", "1_000", " 5", "٣", ""]
)
def test_what_is_no_amount_is_refused(amount: str) -> None:
    with pytest.raises(ConfigurationError, match="not an amount"):
        base_units(amount, decimals=6)


@given(st.integers(0, 10**40), st.integers(0, 20))
def test_amounts_are_written_as_they_are_read(units: int, decimals: int) -> None:
    assert base_units(format_units(units, decimals=decimals), decimals=decimals) == units
