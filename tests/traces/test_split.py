import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from teleprompt.config.program import ProgramConfig
from teleprompt.config.split import SplitConfig
from teleprompt.errors import TelepromptError
from teleprompt.traces._facts import concat_facts, facts_of
from teleprompt.traces._validate import validate
from teleprompt.traces.split import Part, leakage, row_units, split
from tests.support import FIELDS, raw_table, raw_trace, trace_row

Call = tuple[str, str | None]
calls = st.lists(
    st.tuples(st.text(alphabet="abc ", min_size=1, max_size=3), st.none() | st.sampled_from("xyz")), max_size=40
)


def facts(given_calls: list[Call], config: SplitConfig, **changes):
    program = ProgramConfig(name="P", slug="p", split=config)
    table = raw_table(
        raw_trace(trace_id=f"{i:05}", started_at_ms=i, inputs={"question": question}, group=group, **changes)
        for i, (question, group) in enumerate(given_calls)
    )
    judged = validate(table, program="P", fields=FIELDS, outcome=program.outcome, now_ms=2**62)
    return concat_facts([facts_of(judged.rows, judged.values, judged.latency_ms, program)])


def parts_of(given_calls: list[Call], config: SplitConfig | None = None) -> list[Part | None]:
    config = config or SplitConfig()
    table = facts(given_calls, config)
    parts = split(table, config)
    leakage(table, parts, config)
    return parts


@settings(deadline=None)
@given(calls, st.integers(0, 5))
def test_each_row_has_one_part_and_what_belongs_together_stays_together(given_calls: list[Call], seed: int) -> None:
    parts = parts_of(given_calls, SplitConfig(seed=seed))
    assert len(parts) == len(given_calls)
    assert None not in parts
    seen: dict[str, set[Part | None]] = {}
    for (question, group), part in zip(given_calls, parts, strict=True):
        seen.setdefault(f"q:{' '.join(question.split())}", set()).add(part)
        if group:
            seen.setdefault(f"g:{group}", set()).add(part)
    assert all(len(some) == 1 for some in seen.values())


@settings(max_examples=25, deadline=None)
@given(calls)
def test_an_input_has_the_same_part_whatever_is_around_it(given_calls: list[Call]) -> None:
    alone: list[Call] = [(question, None) for question, _ in given_calls]
    together = parts_of(alone)
    for call, part in zip(alone, together, strict=True):
        assert parts_of([call]) == [part]


def test_shares_are_met_on_average() -> None:
    parts = parts_of([(str(i), None) for i in range(4000)], SplitConfig(train=0.5, select=0.2, gate=0.3))
    assert abs(parts.count(Part.TRAIN) / 4000 - 0.5) < 0.03
    assert abs(parts.count(Part.SELECT) / 4000 - 0.2) < 0.03


def test_another_seed_is_another_split() -> None:
    many: list[Call] = [(str(i), None) for i in range(50)]
    assert parts_of(many, SplitConfig(seed=1)) != parts_of(many, SplitConfig(seed=2))


def test_numbers_are_limits_and_what_is_beyond_them_is_unused() -> None:
    parts = parts_of([(str(i), None) for i in range(100)], SplitConfig(train=30, select=10, gate=40))
    assert {part: parts.count(part) for part in (*Part, None)} == {
        Part.TRAIN: 30,
        Part.SELECT: 10,
        Part.GATE: 40,
        None: 20,
    }


def test_in_time_order_the_newest_judge() -> None:
    parts = parts_of([(str(i), None) for i in range(10)], SplitConfig(time_order=True))
    assert parts == [Part.TRAIN] * 4 + [Part.SELECT] * 2 + [Part.GATE] * 4


def test_a_contributor_or_a_field_can_hold_rows_together() -> None:
    config = SplitConfig(group_by=("contributor", "input.question"))
    table = facts([(str(i), None) for i in range(20)], config)
    assert len(set(split(table, config))) == 1  # all are alice's


def test_near_duplicates_are_in_one_part() -> None:
    text = "please find the invoice for the chairs that we ordered in the second week of may from your shop {}"
    config = SplitConfig(group_by=("near_duplicates",), near_threshold=0.7)
    similar: list[Call] = [(text.format(i), None) for i in range(30)]
    assert len(set(parts_of(similar, config))) == 1
    assert len(set(parts_of(similar))) > 1


def test_a_split_that_leaks_is_refused() -> None:
    config = SplitConfig()
    table = facts([("same", None), (" SAME", None)], config)
    with pytest.raises(TelepromptError, match="leaks: 1 equal"):
        leakage(table, [Part.TRAIN, Part.GATE], config)


def test_the_gate_counts_rows_of_one_unit_as_one() -> None:
    rows = [
        trace_row(inputs={"question": "a"}, group="g"),
        trace_row(inputs={"question": "b"}, group="g"),
        trace_row(inputs={"question": "B "}),
        trace_row(inputs={"question": "c"}),
    ]
    units = row_units(rows, SplitConfig())
    assert units[0] == units[1] == units[2] != units[3]
    assert row_units([], SplitConfig()) == []


@pytest.mark.parametrize(
    "sizes", [{"train": 1, "select": 0.5, "gate": 0.5}, {"train": 0.5, "select": 0.5, "gate": 0.5}]
)
def test_sizes_that_contradict_each_other_are_refused(sizes: dict) -> None:
    with pytest.raises(ValueError, match="train, select and gate"):
        SplitConfig.model_validate(sizes)


def test_what_the_split_groups_by_is_one_unit_in_the_statistics_too() -> None:
    rows = [
        trace_row(inputs={"question": "how long is the river of my town in the north"}, contributor_id="alice"),
        trace_row(inputs={"question": "where"}, contributor_id="alice"),
        trace_row(inputs={"question": "how long is the river of my town in the north?"}, contributor_id="bob"),
    ]
    assert len(set(row_units(rows, SplitConfig()))) == 3
    assert len(set(row_units(rows, SplitConfig(group_by=("contributor",))))) == 2
    assert len(set(row_units(rows, SplitConfig(group_by=("near_duplicates",), near_threshold=0.5)))) == 2
    assert len(set(row_units(rows, SplitConfig(group_by=("contributor", "near_duplicates"), near_threshold=0.5)))) == 1
    assert len(set(row_units(rows, SplitConfig(group_by=("input.question",))))) == 3
