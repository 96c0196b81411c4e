"""From what was logged as outcomes to one score per call."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from teleprompt.config.outcome import Direction, Normalisation, OutcomeConfig, OutcomeMetric, Repeated
from teleprompt.records import MILLION, Record
from teleprompt.traces._counting import counting, numbers

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    Floats = np.ndarray[Any, np.dtype[np.float64]]
    Integers = np.ndarray[Any, np.dtype[np.int64]]
    Mask = np.ndarray[Any, np.dtype[np.bool_]]

DEVIATIONS = 3.0
"""`zscore-clip` maps the mean to 1/2 and so many standard deviations above or below it to 1 or 0."""

KNOTS = 101
"""`percentile` is a piecewise linear distribution function through so many quantiles."""


class OutcomeFit(Record):
    """How the values of one metric became scores; `parameters` are what was fitted on the train part.

    `minmax`: minimum, maximum. `percentile`: 101 quantiles from 0 to 1. `zscore-clip`: mean, standard deviation.
    """

    metric: str
    normalisation: Normalisation
    direction: Direction
    weight: float
    parameters: tuple[float, ...]


@dataclass(frozen=True)
class Resolved:
    """One value per call and metric."""

    outcomes: "pa.Array"
    """map<string, float64> of all finite outcomes, by name."""
    values: dict[str, "pa.Array"]
    """Of each configured metric: float64, null where there is none, NaN where it is no finite number."""
    latest_at_ms: "pa.Array"
    """When the last value of a configured metric came; null where there is none."""
    rationale: "pa.Array"
    """The latest rationale of what counts; null where there is none."""
    uncounted: dict[str, "pa.Array"]
    """Of each configured metric: whether something of that name was said, but nothing that counts."""


def resolve(outcomes: "pa.ChunkedArray", config: OutcomeConfig) -> Resolved:
    """Settle repeated values; `outcomes` is the column of a raw table."""
    import pyarrow as pa
    import pyarrow.compute as pc

    lists = outcomes.combine_chunks() if isinstance(outcomes, pa.ChunkedArray) else outcomes
    entries = pc.list_flatten(lists)
    entries = entries.combine_chunks() if isinstance(entries, pa.ChunkedArray) else entries
    counts = counting(entries, config.metrics)
    everything = pa.table(
        {
            "call": pc.list_parent_indices(lists),
            "name": entries.field("name"),
            "value": _numbers(numbers(entries, config.metrics)),
            "at_ms": entries.field("at_ms"),
            "rationale": entries.field("rationale"),
        }
    )
    tall = everything.filter(counts)
    rules = {metric.metric: metric.repeated for metric in config.metrics}
    settled = _settle(tall, rules)
    calls = len(outcomes)
    there = {name: _has(everything.filter(pc.equal(everything["name"], name)), calls) for name in rules}
    finite = settled.filter(pc.is_finite(settled["value"]))
    values = {name: _per_call(settled.filter(pc.equal(settled["name"], name)), "value", calls) for name in rules}
    mine = settled.filter(_is_one_of(settled["name"], list(rules)))
    latest = mine.group_by("call").aggregate([("at_ms", "max")])
    return Resolved(
        outcomes=_to_maps(finite, calls),
        values=values,
        latest_at_ms=_per_call(latest, "at_ms_max", calls),
        rationale=latest_rationale(tall.filter(_is_one_of(tall["name"], list(rules))), calls),
        uncounted={name: pc.and_(there[name], pc.is_null(column)) for name, column in values.items()},
    )


def latest_rationale(said: "pa.Table", calls: int) -> "pa.Array":
    """The last `rationale` of each call in `said`, whose rows are in order of time; null where there is none."""
    import pyarrow.compute as pc

    given = said.filter(pc.is_valid(said["rationale"]))
    last = given.group_by("call", use_threads=False).aggregate([("rationale", "last")])
    return _per_call(last, "rationale_last", calls)


def _is_one_of(names: "pa.ChunkedArray", known: Sequence[str]) -> "pa.ChunkedArray":
    import pyarrow as pa
    import pyarrow.compute as pc

    return pc.is_in(names, value_set=pa.array(known, pa.string()))


def _has(rows: "pa.Table", calls: int) -> "pa.Array":
    """Which calls have a row."""
    import numpy as np
    import pyarrow as pa

    found = np.zeros(calls, dtype=bool)
    found[rows["call"].to_numpy()] = True
    return pa.array(found)


def _numbers(values: "pa.Array") -> "pa.Array":
    """`values` with NaN for what is no number; MLflow keeps an infinite metric as the largest float."""
    import pyarrow.compute as pc

    values = pc.fill_null(values, float("nan"))
    return pc.if_else(pc.greater_equal(pc.abs(values), sys.float_info.max), float("nan"), values)


def _settle(tall: "pa.Table", rules: dict[str, Repeated]) -> "pa.Table":
    """One row per call and name; values arrived in the order of the rows."""
    import pyarrow as pa
    import pyarrow.compute as pc

    names = {rule: pa.array([name for name, own in rules.items() if own is rule], pa.string()) for rule in Repeated}
    special = pa.concat_arrays([names[Repeated.FIRST], names[Repeated.MEAN]])
    parts = [
        _aggregate(tall.filter(pc.invert(pc.is_in(tall["name"], value_set=special))), "last"),
        _aggregate(tall.filter(pc.is_in(tall["name"], value_set=names[Repeated.FIRST])), "first"),
        _aggregate(tall.filter(pc.is_in(tall["name"], value_set=names[Repeated.MEAN])), "mean"),
    ]
    return pa.concat_tables(parts).sort_by([("call", "ascending"), ("name", "ascending")])


def _aggregate(tall: "pa.Table", function: str) -> "pa.Table":
    grouped = tall.group_by(["call", "name"], use_threads=False).aggregate([("value", function), ("at_ms", "max")])
    return grouped.select(["call", "name", f"value_{function}", "at_ms_max"]).rename_columns(
        ["call", "name", "value", "at_ms"]
    )


def _per_call(rows: "pa.Table", column: str, calls: int) -> "pa.Array":
    import pyarrow as pa
    import pyarrow.compute as pc

    order = pa.array(range(calls), rows["call"].type)
    return rows[column].combine_chunks().take(pc.index_in(order, value_set=rows["call"].combine_chunks()))


def _to_maps(rows: "pa.Table", calls: int) -> "pa.Array":
    import numpy as np
    import pyarrow as pa

    rows = rows.combine_chunks()
    offsets = np.searchsorted(rows["call"].to_numpy(), np.arange(calls + 1))
    return pa.MapArray.from_arrays(
        pa.array(offsets, pa.int32()), rows["name"].combine_chunks(), rows["value"].combine_chunks()
    )


def fit(
    values: dict[str, "Floats"], train: "np.ndarray[Any, np.dtype[np.bool_]]", config: OutcomeConfig
) -> tuple[OutcomeFit, ...]:
    """Fit each metric's normalisation on the calls of the train part that have it.

    `values` holds one array per metric, NaN where a call has none.
    """
    return tuple(_fit(metric, values[metric.metric][train]) for metric in config.metrics)


def _fit(metric: OutcomeMetric, values: "Floats") -> OutcomeFit:
    import numpy as np

    known = values[~np.isnan(values)]
    known = known if len(known) else np.zeros(1)
    match metric.normalisation:
        case Normalisation.IDENTITY:
            parameters = [metric.minimum, metric.maximum]
        case Normalisation.BOOLEAN:
            parameters = [metric.true_from]
        case Normalisation.MINMAX:
            parameters = [known.min(), known.max()]
        case Normalisation.ZSCORE_CLIP:
            parameters = [known.mean(), known.std()]
        case Normalisation.PERCENTILE:
            parameters = list(np.quantile(known, np.linspace(0, 1, KNOTS)))
    return OutcomeFit(
        metric=metric.metric,
        normalisation=metric.normalisation,
        direction=metric.direction,
        weight=metric.weight,
        parameters=tuple(float(parameter) for parameter in parameters),
    )


def score_e6(values: dict[str, "Floats"], fits: Sequence[OutcomeFit], *, imputed_score: float | None) -> "Integers":
    """Each call's score in millionths: the weighted mean over the metrics that it has.

    Calls without any have `imputed_score`.
    """
    import numpy as np

    total = np.zeros(len(next(iter(values.values()))))
    weights = np.zeros_like(total)
    for fitted in fits:
        score = normalised(values[fitted.metric], fitted)
        there = ~np.isnan(score)
        total[there] += fitted.weight * score[there]
        weights[there] += fitted.weight
    known = weights > 0
    result = np.full(len(total), float("nan") if imputed_score is None else imputed_score)
    result[known] = total[known] / weights[known]
    if np.isnan(result).any():
        raise ValueError("a call without outcome has no score")
    scores: Integers = np.rint(result * MILLION).astype(np.int64)
    return scores


def normalised(values: "Floats", fitted: OutcomeFit) -> "Floats":
    """Scores in [0, 1] of `values`, 1 being the best; NaN stays NaN."""
    import numpy as np

    p = fitted.parameters
    match fitted.normalisation:
        case Normalisation.BOOLEAN:
            score = np.where(np.isnan(values), np.nan, (values >= p[0]).astype(float))
        case Normalisation.ZSCORE_CLIP:
            score = (values - p[0]) / (p[1] * 2 * DEVIATIONS) + 0.5 if p[1] else np.where(np.isnan(values), np.nan, 0.5)
        case Normalisation.PERCENTILE:
            score = _distribution(values, np.array(p))
        case _:
            score = (values - p[0]) / (p[1] - p[0]) if p[1] > p[0] else np.where(np.isnan(values), np.nan, 0.5)
    score = np.clip(score, 0, 1)
    return 1 - score if fitted.direction is Direction.LOWER else score


def _distribution(values: "Floats", quantiles: "Floats") -> "Floats":
    """Share of the fitted values below each value, counting half of those that equal it."""
    import numpy as np

    levels = np.linspace(0, 1, len(quantiles))
    steps = np.unique(quantiles)
    below = np.searchsorted(quantiles, steps, side="left")
    upto = np.searchsorted(quantiles, steps, side="right") - 1
    return np.interp(values, steps, (levels[below] + levels[upto]) / 2)
