from hypothesis import given
from hypothesis import settings as tuned
from hypothesis import strategies as st

from teleprompt.traces.sources.merge import in_time_order
from tests.support import raw_table, raw_trace

streams = st.lists(st.lists(st.lists(st.integers(0, 6), max_size=4), max_size=4), min_size=1, max_size=3)


@tuned(deadline=None, max_examples=60)
@given(streams)
def test_streams_in_order_become_one_in_order(given_streams: list[list[list[int]]]) -> None:
    expected, tables = [], []
    for s, batches in enumerate(given_streams):
        flat = sorted(ms for batch in batches for ms in batch)
        cut: list = []
        for batch in batches:
            part, flat = flat[: len(batch)], flat[len(batch) :]
            traces = [raw_trace(trace_id=f"{s}-{len(expected) + i:03}", started_at_ms=ms) for i, ms in enumerate(part)]
            expected += [(trace["started_at_ms"], trace["trace_id"]) for trace in traces]
            cut.append(raw_table(traces))
        tables.append(iter(cut))
    merged = [row for table in in_time_order(tables) for row in table.to_pylist()]
    assert [(row["started_at_ms"], row["trace_id"]) for row in merged] == sorted(expected)
