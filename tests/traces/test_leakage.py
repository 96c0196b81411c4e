import pytest

from teleprompt.config.program import ProgramConfig
from teleprompt.config.split import SplitConfig
from teleprompt.errors import TelepromptError
from teleprompt.traces import leakage
from teleprompt.traces._facts import concat_facts, facts_of
from teleprompt.traces._validate import validate
from teleprompt.traces.leakage import ComparedInputs, Leakage, measure_leakage
from teleprompt.traces.split import Part
from tests.support import FIELDS, raw_table, raw_trace

LETTER = "please find the invoice for the chairs that we ordered in the second week of may from your shop in town {}"
APART = [Part.TRAIN, Part.GATE]


def measured(traces: list[dict], parts: list[Part | None], **split) -> Leakage:
    program = ProgramConfig(name="P", slug="p", split=SplitConfig(near_threshold=0.7, **split))
    table = raw_table(raw_trace(**{"trace_id": str(i), "started_at_ms": i, **trace}) for i, trace in enumerate(traces))
    judged = validate(table, program="P", fields=FIELDS, outcome=program.outcome, now_ms=2**62)
    facts = concat_facts([facts_of(judged.rows, judged.values, judged.latency_ms, program)])
    compared = ComparedInputs(facts, parts)
    for i in range(0, len(traces), 3):
        compared.add(judged.rows.slice(i, 3))
    return measure_leakage(facts, parts, program.split, compared=compared)


def asked(*texts: str, **common) -> list[dict]:
    return [{"inputs": {"question": text}, **common} for text in texts]


def test_sessions_contributors_and_near_duplicates_are_counted_where_nobody_asked() -> None:
    traces = [
        *asked("a", "b", contributor_id="alice", group="s1"),
        *asked(LETTER.format(1), LETTER.format(2), contributor_id="bob"),
        *asked("c", contributor_id="carol"),
    ]
    found = measured(traces, [Part.TRAIN, Part.SELECT, *APART, None], group_by=())
    assert found == Leakage(exact=0, near=1, groups=1, contributors=2, compared=4)


@pytest.mark.parametrize(
    ("traces", "split", "what"),
    [
        (asked("same", " SAME"), {}, "1 equal"),
        (asked("a", "b", group="s"), {}, "1 equal"),
        (asked("a", "b", contributor_id="alice"), {"group_by": ("contributor",)}, "1 equal"),
        (asked(LETTER.format(1), LETTER.format(2)), {"group_by": ("near_duplicates",)}, "1 near"),
    ],
)
def test_a_split_that_leaks_what_it_groups_by_is_refused(traces: list[dict], split: dict, what: str) -> None:
    with pytest.raises(TelepromptError, match=what):
        measured(traces, APART, **split)


def test_of_many_rows_an_even_sample_is_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leakage, "MOST_COMPARED", 5)
    letters = asked(*(LETTER.format(i) for i in range(12)))
    found = measured(letters, [Part.TRAIN, Part.GATE] * 6)
    assert (found.compared, found.near) == (5, 2)  # of rows 0, 2, 4, 7, 9: the last two are linked to the first
    monkeypatch.setattr(leakage, "MOST_CHARACTERS", 3 * len(LETTER))
    assert measured(letters, [Part.TRAIN, Part.GATE] * 6).compared == 2  # answers count, too
