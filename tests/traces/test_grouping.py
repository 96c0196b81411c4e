from teleprompt.config.split import SplitConfig
from teleprompt.traces.grouping import row_units
from tests.support import trace_row

LETTER = "please find the invoice for the chairs that we ordered in the second week of may from your shop in town {}"


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


def test_a_unit_of_one_session_is_named_after_it_whoever_leaves_the_window() -> None:
    config = SplitConfig()
    rows = [trace_row(inputs={"question": text}, group="s1") for text in "cab"]
    assert {*row_units(rows, config)} == {*row_units(rows[1:], config)} == {*row_units(rows[:1], config)}


def test_near_duplicates_keep_the_name_of_what_they_have_in_common() -> None:
    config = SplitConfig(group_by=("near_duplicates",), near_threshold=0.7)
    rows = [trace_row(inputs={"question": LETTER.format(i)}) for i in range(40)]
    first, second = {*row_units(rows[:20], config)}, {*row_units(rows[20:], config)}
    assert len(first) == 1
    assert first == second  # of two windows that share no row


def test_a_contributor_goes_before_a_session() -> None:
    config = SplitConfig(group_by=("group", "contributor"))
    rows = [
        trace_row(inputs={"question": str(i)}, group=f"s{i // 2}", contributor_id="alice" if i < 6 else "bob")
        for i in range(12)
    ]
    assert [*row_units(rows, config)] == ["contributor:alice"] * 6 + ["contributor:bob"] * 6
