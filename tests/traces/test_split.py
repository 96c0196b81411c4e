from hypothesis import given
from hypothesis import strategies as st

from include.teleprompt.config.program import SplitConfig
from include.teleprompt.traces.split import Part, split
from tests.support import trace_row

rows = st.lists(
    st.builds(
        lambda question, group: trace_row(inputs={"question": question}, group=group),
        st.text(alphabet="abc ", min_size=1, max_size=3),
        st.none() | st.sampled_from("xyz"),
    ),
    max_size=40,
)


@given(rows, st.integers(0, 5))
def test_each_row_has_one_part_and_what_belongs_together_stays_together(rows, seed: int) -> None:
    parts = split(rows, SplitConfig(seed=seed))
    assert sum(map(len, parts.values())) == len(rows)
    for left in Part:
        for right in Part:
            if left is not right:
                questions = [{" ".join(r.inputs["question"].split()) for r in parts[p]} for p in (left, right)]
                groups = [{r.group for r in parts[p] if r.group} for p in (left, right)]
                assert not questions[0] & questions[1]
                assert not groups[0] & groups[1]


@given(rows)
def test_an_input_has_the_same_part_whatever_is_around_it(rows) -> None:
    alone = [trace_row(inputs=row.inputs) for row in rows]
    together = split(alone, SplitConfig())
    for part, members in together.items():
        for row in members:
            assert split([row], SplitConfig())[part] == [row]


def test_shares_are_met_on_average() -> None:
    many = [trace_row(inputs={"question": str(i)}) for i in range(4000)]
    parts = split(many, SplitConfig(train=0.5, select=0.2, gate=0.3))
    assert abs(len(parts[Part.TRAIN]) / 4000 - 0.5) < 0.03
    assert abs(len(parts[Part.SELECT]) / 4000 - 0.2) < 0.03


def test_another_seed_is_another_split() -> None:
    many = [trace_row(inputs={"question": str(i)}) for i in range(50)]
    assert split(many, SplitConfig(seed=1)) != split(many, SplitConfig(seed=2))
