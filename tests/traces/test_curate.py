from include.teleprompt.config.program import OutcomeConfig
from include.teleprompt.traces.curate import curate
from include.teleprompt.traces.validate import Reason
from tests.support import FIELDS, raw_trace


def curated(raw, *, max_traces: int = 1000):
    return curate(raw, program="P", fields=FIELDS, outcome=OutcomeConfig(), max_traces=max_traces)


def test_of_duplicates_the_earliest_stays() -> None:
    result = curated(
        [
            raw_trace(trace_id="late", started_at_ms=20, inputs={"question": " WHY "}),
            raw_trace(trace_id="early", started_at_ms=10),
            raw_trace(trace_id="other answer", started_at_ms=30, outputs={"answer": "no"}),
        ]
    )
    assert [row.trace_id for row in result.rows] == ["early", "other answer"]
    assert [(q.trace_id, q.reason) for q in result.quarantine] == [("late", Reason.DUPLICATE)]


def test_too_many_are_thinned_evenly_in_time() -> None:
    raw = [raw_trace(trace_id=str(i), started_at_ms=i, inputs={"question": str(i)}) for i in range(100)]
    assert [row.started_at_ms for row in curated(raw, max_traces=4).rows] == [0, 25, 50, 75]


def test_the_funnel_adds_up() -> None:
    result = curated([raw_trace(), raw_trace(trace_id="t2"), raw_trace(failed=True)])
    assert [(s.step, s.rows_in, s.rows_out) for s in result.funnel] == [
        ("valid", 3, 2),
        ("unique", 2, 1),
        ("max_traces", 1, 1),
    ]


def test_nothing_in_nothing_out() -> None:
    assert curated([]).rows == ()
