import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from teleprompt.config.program import ProgramConfig
from teleprompt.config.split import SplitConfig
from teleprompt.traces._facts import concat_facts, facts_of
from teleprompt.traces._validate import validate
from teleprompt.traces.split import Part, split
from tests.support import FIELDS, raw_table, raw_trace

Call = tuple[str, str | None]
calls = st.lists(
    st.tuples(st.text(alphabet="abc ", min_size=1, max_size=3), st.none() | st.sampled_from("xyz")), max_size=40
)


def facts(given_calls: list[Call], config: SplitConfig, **changes):
    program = ProgramConfig(name="P", slug="p", split=config, trial=None)
    table = raw_table(
        raw_trace(trace_id=f"{i:05}", started_at_ms=i, inputs={"question": question}, group=group, **changes)
        for i, (question, group) in enumerate(given_calls)
    )
    judged = validate(table, program="P", fields=FIELDS, outcome=program.outcome, now_ms=2**62)
    return concat_facts([facts_of(judged.rows, judged.values, judged.latency_ms, program)])


def parts_of(given_calls: list[Call], config: SplitConfig | None = None) -> list[Part | None]:
    config = config or SplitConfig()
    return split(facts(given_calls, config), config).parts


@settings(max_examples=40, deadline=None)
@given(calls, st.integers(0, 5))
def test_what_belongs_together_is_in_one_part_or_left_out(given_calls: list[Call], seed: int) -> None:
    parts = parts_of(given_calls, SplitConfig(seed=seed))
    assert len(parts) == len(given_calls)
    seen: dict[str, set[Part]] = {}
    for (question, group), part in zip(given_calls, parts, strict=True):
        if part is not None:
            seen.setdefault(f"q:{' '.join(question.split())}", set()).add(part)
            if group:
                seen.setdefault(f"g:{group}", set()).add(part)
    assert all(len(some) == 1 for some in seen.values())


@settings(max_examples=10, deadline=None)
@given(calls)
def test_a_row_never_changes_its_part_whatever_is_around_it(given_calls: list[Call]) -> None:
    parts = parts_of(given_calls)
    for call, part in zip(given_calls, parts, strict=True):
        assert part in (*parts_of([call]), None)


def test_two_conversations_that_begin_alike_stay_apart_and_the_later_part_keeps_the_opening() -> None:
    conversations: list[Call] = [(text, name) for name in "abcdefgh" for text in ("hi", f"why {name}")]
    shared = split(facts(conversations, SplitConfig()), SplitConfig())
    openings = {part for (text, _), part in zip(conversations, shared.parts, strict=True) if text == "hi"}
    assert openings == {Part.GATE, None}
    assert {*shared.parts} == {*Part, None}
    assert [part is None for part in shared.parts] == shared.left_out.tolist()


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


def test_by_numbers_the_parts_can_hold_the_same_mix() -> None:
    import numpy as np

    config = SplitConfig(train=30, select=10, gate=40)
    table = facts([(str(i), None) for i in range(100)], config)
    rare = np.arange(100) % 10 == 0
    parts = np.array(split(table, config, categories=rare.astype(np.int64)).parts, dtype=object)
    assert {part: int(rare[parts == part].sum()) for part in Part} == {Part.TRAIN: 3, Part.SELECT: 1, Part.GATE: 4}


def test_a_split_by_shares_does_not_ask_for_categories() -> None:
    """They would make a row's part depend on the others of its window."""
    import numpy as np

    table = facts([(str(i), None) for i in range(50)], SplitConfig())
    assert split(table, SplitConfig(), categories=np.arange(50)).parts == split(table, SplitConfig()).parts


def test_in_time_order_the_newest_judge() -> None:
    parts = parts_of([(str(i), None) for i in range(10)], SplitConfig(time_order=True))
    assert parts == [Part.TRAIN] * 4 + [Part.SELECT] * 2 + [Part.GATE] * 4


def test_a_contributor_or_a_field_can_hold_rows_together() -> None:
    config = SplitConfig(group_by=("contributor", "input.question"))
    table = facts([(str(i), None) for i in range(20)], config)
    assert len(set(split(table, config).parts)) == 1  # all are alice's


def test_near_duplicates_are_in_one_part() -> None:
    text = "please find the invoice for the chairs that we ordered in the second week of may from your shop {}"
    config = SplitConfig(group_by=("near_duplicates",), near_threshold=0.7)
    similar: list[Call] = [(text.format(i), None) for i in range(30)]
    assert len(set(parts_of(similar, config))) == 1
    assert len(set(parts_of(similar))) > 1


@pytest.mark.parametrize(
    "sizes", [{"train": 1, "select": 0.5, "gate": 0.5}, {"train": 0.5, "select": 0.5, "gate": 0.5}]
)
def test_sizes_that_contradict_each_other_are_refused(sizes: dict) -> None:
    with pytest.raises(ValueError, match="train, select and gate"):
        SplitConfig.model_validate(sizes)
