import pytest
from hypothesis import given
from hypothesis import strategies as st

from teleprompt.attribution.apportion import largest_remainder
from teleprompt.attribution.contributors import Quarantine, contributors_of
from teleprompt.attribution.rewards import base_units, contract_shares, format_units, reward_shares
from teleprompt.attribution.shares import weights_of
from teleprompt.attribution.wallets import CallOwner
from teleprompt.config.attribution import Unpayable
from teleprompt.errors import ConfigurationError
from teleprompt.records import MAX_IDENTIFIER, MILLION
from teleprompt.traces.row import TraceRow
from tests.support import ALICE, BOB, trace_row


def calls(name: str, count: int, address: str | None) -> list[TraceRow]:
    return [trace_row(contributor_id=name, contributor_address=address, score_e6=500_000) for _ in range(count)]


shares = st.lists(st.integers(0, 10**6), min_size=1, max_size=30).filter(any)


@given(st.integers(0, 10**30), shares)
def test_parts_add_up_and_are_within_one_of_their_share(total: int, counts: list[int]) -> None:
    parts = largest_remainder(total, counts, tie_break=[str(i) for i in range(len(counts))])
    assert sum(parts) == total
    for part, count in zip(parts, counts, strict=True):
        assert 0 <= part - total * count // sum(counts) <= 1


def names(counts: list[int]) -> list[str]:
    return [f"{i:03}" for i in range(len(counts))]


@given(shares, st.none() | st.integers(1, MILLION))
def test_weights_sum_to_one_million_and_keep_to_the_cap(counts: list[int], cap: int | None) -> None:
    weights = weights_of(counts, tie_break=names(counts), cap_e6=cap)
    assert sum(weights) == MILLION
    brought = sum(1 for count in counts if count)
    assert all(0 <= weight <= max(cap or MILLION, -(-MILLION // brought)) for weight in weights)
    assert all(weight == 0 for weight, count in zip(weights, counts, strict=True) if not count)


@given(shares, st.integers(1, MILLION))
def test_who_brought_more_has_no_smaller_weight(counts: list[int], cap: int) -> None:
    weights = weights_of(counts, tie_break=names(counts), cap_e6=cap)
    order = sorted(range(len(counts)), key=lambda i: (counts[i], weights[i]))
    assert [weights[i] for i in order] == sorted(weights)


def test_three_equal_contributors_get_exactly_one_together() -> None:
    assert weights_of([1, 1, 1], tie_break=["a", "b", "c"]) == [333_334, 333_333, 333_333]


def test_what_is_above_the_cap_goes_to_the_others_in_proportion() -> None:
    assert weights_of([80, 10, 10], tie_break=["a", "b", "c"], cap_e6=500_000) == [500_000, 250_000, 250_000]
    assert weights_of([80, 15, 5], tie_break=["a", "b", "c"], cap_e6=400_000) == [400_000, 400_000, 200_000]


def test_a_cap_that_almost_all_are_above_takes_one_pass() -> None:
    counts = [1000 + i for i in range(9000)] + [900] * 1000
    weights = weights_of(counts, tie_break=names(counts), cap_e6=101)
    assert (sum(weights), max(weights)) == (MILLION, 101)


def test_a_negative_value_is_worth_nothing() -> None:
    assert weights_of([3, -5, 1], tie_break=["a", "b", "c"]) == [750_000, 0, 250_000]
    with pytest.raises(ValueError):
        weights_of([-1, 0], tie_break=["a", "b"])


def test_one_address_is_one_contributor_and_disputed_calls_are_apart() -> None:
    rows = [*calls("bob", 2, BOB), *calls("alias", 3, BOB), *calls("eve", 5, ALICE), *calls("eve", 1, BOB)]
    rows += [*calls("eve", 2, None), *calls("x", 1, None)]
    people = contributors_of(rows, {"bob": (BOB,), "alias": (BOB,), "eve": (ALICE,)})
    assert [(p.contributor_id, p.address, p.quarantine, p.trace_count) for p in people] == [
        ("alias", BOB, None, 5),
        ("eve", ALICE, None, 7),
        ("eve (disputed)", None, Quarantine.ADDRESS_CONFLICT, 1),
        ("x", None, Quarantine.NO_ADDRESS, 1),
    ]
    assert people[0].owners == (CallOwner("alias", False), CallOwner("bob", False))


def test_nobody_can_take_the_name_of_disputed_calls() -> None:
    rows = [*calls("eve", 1, ALICE), *calls("eve", 1, BOB), *calls("eve (disputed)", 1, BOB)]
    people = contributors_of(rows, {"eve": (ALICE,), "eve (disputed)": (BOB,)})
    assert len({person.contributor_id for person in people}) == 3


@pytest.mark.parametrize("length", [MAX_IDENTIFIER - 1, MAX_IDENTIFIER])
def test_the_name_of_disputed_calls_is_no_longer_than_an_id_may_be(length: int) -> None:
    ids = ["x" * (length - 1) + end for end in "ab"]
    rows = [row for own in ids for row in [*calls(own, 1, ALICE), *calls(own, 1, BOB)]]
    people = contributors_of(rows, dict.fromkeys(ids, (ALICE,)))
    assert len({person.contributor_id for person in people}) == 3
    assert max(len(person.contributor_id) for person in people) <= MAX_IDENTIFIER


def test_a_share_that_cannot_be_paid_is_held_back_unless_it_is_to_be_shared() -> None:
    people = [
        {"contributor_id": "alice", "address": ALICE, "weight": 0.25},
        {"contributor_id": "bob", "address": BOB, "weight": 0.25},
        {"contributor_id": "walk-in", "address": None, "weight": 0.5, "quarantine": "no_address"},
    ]
    assert [r.base_units for r in reward_shares(people, 101)] == ["25", "25", "51"]
    assert [r.base_units for r in reward_shares(people, 101, unpayable=Unpayable.SHARE)] == ["50", "51", "0"]
    nobody = [{**person, "address": None, "quarantine": "no_address"} for person in people]
    assert [r.base_units for r in reward_shares(nobody, 4, unpayable=Unpayable.SHARE)] == ["1", "1", "2"]


def test_nobody_gains_by_logging_a_call_under_anothers_id() -> None:
    victim = {"contributor_id": "victim", "address": None, "weight": 0.9, "quarantine": "address_conflict"}
    mallory = {"contributor_id": "mallory", "address": BOB, "weight": 0.1}
    rewards = reward_shares([victim, mallory], 1000, unpayable=Unpayable.SHARE)
    assert [(r.address, r.base_units) for r in rewards] == [(None, "900"), (BOB, "100")]


def test_the_contracts_rule_rounds_down_and_gives_the_dust_to_the_first() -> None:
    assert contract_shares([3333, 3333, 3334], 100) == [34, 33, 33]
    with pytest.raises(ValueError):
        contract_shares([5000, 4999], 100)


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
