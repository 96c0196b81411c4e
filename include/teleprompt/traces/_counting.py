"""Which of what was said of a call counts as its outcome, and as which number."""

import functools
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from teleprompt.config.outcome import OutcomeMetric

if TYPE_CHECKING:
    import pyarrow as pa

NUMERAL = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?", re.ASCII)

KNOWN: Mapping[str, float] = {"yes": 1, "true": 1, "pass": 1, "no": 0, "false": 0, "fail": 0}
"""What texts mean that nobody explained."""


def counting(said: "pa.StructArray", metrics: Sequence[OutcomeMetric]) -> "pa.Array":
    """Which entries of raw `outcomes` count; of names that are no configured metric all but expectations do.

    A run's metric counts, and feedback by the metric's sources and raters on its span. An expectation says what would
    have been right, not what became of the call.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    names, kind = said.field("name"), said.field("kind")
    counts = pc.and_not(
        pc.not_equal(kind, "expectation"), pc.is_in(names, value_set=pa.array([m.metric for m in metrics], pa.string()))
    )
    for metric in metrics:
        fits = pc.is_in(said.field("source"), value_set=pa.array([source.value for source in metric.sources]))
        if metric.raters:
            fits = pc.and_(fits, pc.is_in(said.field("rater"), value_set=pa.array(metric.raters)))
        on_it = said.field("on_call") if metric.span is None else pc.equal(said.field("span"), metric.span)
        on_it = pc.fill_null(on_it, False)
        fits = pc.and_(pc.and_(fits, on_it), pc.equal(kind, "feedback"))
        mine = pc.and_(pc.equal(names, metric.metric), pc.or_(pc.equal(kind, "metric"), fits))
        counts = pc.or_(counts, mine)
    return pc.fill_null(counts, False)


def numbers(said: "pa.StructArray", metrics: Sequence[OutcomeMetric]) -> "pa.Array":
    """The value of each entry, that of a text as its metric has it; null where it is no number."""
    import pyarrow.compute as pc

    value, names, texts = said.field("value"), said.field("name"), said.field("text")
    for metric in metrics:
        mine = pc.and_(pc.equal(names, metric.metric), pc.is_valid(texts))
        if pc.any(mine).as_py():
            value = pc.if_else(mine, _read(texts, metric.values), value)
    return value


def _read(texts: "pa.Array", meanings: Mapping[str, float]) -> "pa.Array":
    import pyarrow as pa
    import pyarrow.compute as pc

    known = pc.unique(texts).drop_null()
    read = pa.array([number_of(text, meanings) for text in known.to_pylist()], pa.float64())
    return read.take(pc.index_in(texts, value_set=known))


def number_of(text: str, meanings: Mapping[str, float]) -> float | None:
    """What a text means: by `meanings` first, then by `KNOWN`, then as a numeral; None where it means nothing."""
    plain = " ".join(text.split()).casefold()
    for table in (_plain(tuple(meanings.items())), KNOWN):
        if plain in table:
            return table[plain]
    number = float(plain) if NUMERAL.fullmatch(plain) else math.nan
    return number if math.isfinite(number) else None


@functools.lru_cache(maxsize=64)
def _plain(meanings: Iterable[tuple[str, float]]) -> Mapping[str, float]:
    return {" ".join(text.split()).casefold(): value for text, value in meanings}
