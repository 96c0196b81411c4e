"""One stream in time order out of several that are."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from teleprompt.traces.sources.raw import in_order

if TYPE_CHECKING:
    import pyarrow as pa


def in_time_order(streams: Sequence[Iterator["pa.Table"]]) -> Iterator["pa.Table"]:
    """The rows of all streams, each ordered by `started_at_ms` and `trace_id`, in that order.

    Holds one batch of each stream: what starts before the last row of every batch held can go out.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if len(streams) == 1:
        yield from streams[0]
        return
    held: dict[int, pa.Table] = {}
    open_streams = dict(enumerate(streams))
    while open_streams:
        for i in [i for i in open_streams if i not in held or not len(held[i])]:
            batch = next(open_streams[i], None)
            if batch is None:
                del open_streams[i]
            else:
                held[i] = batch
        last = [held[i]["started_at_ms"][-1].as_py() for i in open_streams if len(held.get(i, ()))]
        if len(last) < len(open_streams):
            continue  # an empty batch came; ask again
        ready = []
        for i, batch in held.items():
            before = pc.less(batch["started_at_ms"], min(last)) if last else pa.array([True] * len(batch), pa.bool_())
            ready.append(batch.filter(before))
            held[i] = batch.filter(pc.invert(before))
            if i in open_streams and not len(ready[-1]) and batch["started_at_ms"][-1].as_py() == min(last):
                more = next(open_streams[i], None)  # the whole batch lies in one millisecond
                if more is None:
                    del open_streams[i]
                else:
                    held[i] = pa.concat_tables([held[i], more])
        ready = [batch for batch in ready if len(batch)]
        if ready:
            yield in_order(pa.concat_tables(ready))
    rest = [batch for batch in held.values() if len(batch)]
    if rest:
        yield in_order(pa.concat_tables(rest))
