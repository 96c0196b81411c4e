"""Judging raw traces: usable rows, and for the others the reason why not."""

import ast
import functools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from teleprompt.config.outcome import Missing, Normalisation, OutcomeConfig, Partial
from teleprompt.config.traces import Labels
from teleprompt.encoding.addresses import AddressError, checksum_address
from teleprompt.encoding.canonical_json import is_plain
from teleprompt.program.fields import Field, ProgramFields, json_text
from teleprompt.records import MAX_IDENTIFIER
from teleprompt.traces._labels import rationales, unexpected
from teleprompt.traces.first_use import CALL_COLUMNS
from teleprompt.traces.outcomes import Resolved, resolve
from teleprompt.traces.row import unscored_schema
from teleprompt.traces.sources.raw import UNFETCHED

if TYPE_CHECKING:
    import pyarrow as pa

PARAM_LIMIT = 6000
"""MLflow cuts a run's param here without a word, so one of this length has lost its end."""


class Reason(StrEnum):
    """Why a trace is not used. The one list; documented in docs/traces.md."""

    FAILED_CALL = "failed_call"
    FUTURE_START = "future_start"
    SPANS_UNREADABLE = "spans_unreadable"
    SPAN_NOT_FOUND = "span_not_found"
    MISSING_EXPECTATION = "missing_expectation"
    UNCOUNTED_OUTCOME = "uncounted_outcome"
    MISSING_OUTCOME = "missing_outcome"
    PARTIAL_OUTCOME = "partial_outcome"
    SPANS_UNAVAILABLE = "spans_unavailable"
    MISSING_INPUT = "missing_input"
    NESTED_INPUT = "nested_input"
    MISSING_OUTPUT = "missing_output"
    NESTED_OUTPUT = "nested_output"
    UNREADABLE_VALUE = "unreadable_value"
    TRUNCATED = "truncated"
    OUTCOME_NOT_A_NUMBER = "outcome_not_a_number"
    OUTCOME_OUT_OF_RANGE = "outcome_out_of_range"
    MISSING_CONTRIBUTOR = "missing_contributor"
    INVALID_CONTRIBUTOR = "invalid_contributor"
    INVALID_ADDRESS = "invalid_address"
    DUPLICATE = "duplicate"
    NEAR_DUPLICATE = "near_duplicate"
    OUTLIER = "outlier"
    CONTRIBUTOR_BURST = "contributor_burst"
    IN_LATER_PART = "in_later_part"
    LOW_QUALITY = "low_quality"
    OVER_CAP = "over_cap"


@dataclass(frozen=True)
class Validated:
    """What became of a batch of raw traces."""

    rows: "pa.Table"
    """Usable rows, without a score yet (`unscored_schema`)."""
    values: dict[str, "pa.Array"]
    """Of each outcome metric: the rows' values, null where a row has none."""
    latency_ms: "pa.Array"
    quarantine: "pa.Table"
    """`trace_id`, `reason`, `raw` (JSON) of the others."""
    callers: "pa.Table"
    """`CALL_COLUMNS` of all that name them in a form that can be read."""


def quarantine_schema() -> "pa.Schema":
    """Columns of the rows that are kept aside."""
    import pyarrow as pa

    return pa.schema([("trace_id", pa.string()), ("reason", pa.string()), ("raw", pa.string())])


def validate(
    raw: "pa.Table",
    *,
    program: str,
    fields: ProgramFields,
    outcome: OutcomeConfig,
    now_ms: int,
    labels: Labels = Labels.OUTCOME,
) -> Validated:
    """The rows of a raw table that can be used; of the others the first reason in the order of `Reason`.

    `now_ms` is the present: a call that starts after it comes from a clock that is wrong.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    raw = raw.combine_chunks()
    columns: dict[str, pa.Array] = {}
    spans = pc.map_lookup(_flat(raw["forms"]), UNFETCHED, "first")
    flawed: list[tuple[Reason, pa.Array]] = [
        (Reason.FAILED_CALL, raw["failed"]),
        (Reason.FUTURE_START, pc.greater(raw["started_at_ms"], now_ms)),
        (Reason.SPANS_UNAVAILABLE, pc.equal(spans, "unavailable")),
        (Reason.SPANS_UNREADABLE, pc.equal(spans, "unreadable")),
        (Reason.SPAN_NOT_FOUND, pc.equal(spans, "absent")),
    ]
    for side, some, missing, nested in (
        ("input", fields.inputs, Reason.MISSING_INPUT, Reason.NESTED_INPUT),
        ("output", fields.outputs, Reason.MISSING_OUTPUT, Reason.NESTED_OUTPUT),
    ):
        columns[f"{side}s"], faults = _values(raw, side, some, missing=missing, nested=nested)
        flawed += faults
    resolved = resolve(raw["outcomes"], outcome)
    if labels is Labels.OUTCOME:
        flawed += _outcome_faults(resolved, outcome)
    else:
        flawed.append((Reason.MISSING_EXPECTATION, unexpected(raw)))
    addresses, faults = _contributors(raw)
    flawed += faults
    nameless = functools.reduce(pc.or_, (pc.fill_null(mask, False) for _, mask in faults))
    callers = pa.table([raw["contributor_id"], addresses, raw["started_at_ms"]], names=list(CALL_COLUMNS))
    reason = pa.nulls(len(raw), pa.string())
    for why, mask in sorted(flawed, key=lambda fault: list(Reason).index(fault[0]), reverse=True):
        reason = pc.if_else(pc.fill_null(mask, False), why.value, reason)
    good = pc.is_null(reason)
    columns |= {
        "trace_id": raw["trace_id"],
        "program": pa.repeat(program, len(raw)),
        "program_version": raw["program_version"],
        "started_at": _moment(raw["started_at_ms"]),
        "outcomes": resolved.outcomes,
        "outcome_at": _moment(resolved.latest_at_ms),
        "contributor_id": raw["contributor_id"],
        "contributor_address": addresses,
        "group": raw["group"],
        "source": raw["source"],
        "rationale": resolved.rationale if labels is Labels.OUTCOME else rationales(raw),
    }
    schema = unscored_schema(fields)
    bad = pc.invert(good)
    return Validated(
        rows=pa.table([columns[name] for name in schema.names], schema=schema).filter(good),
        values={name: values.filter(_flat(good)) for name, values in resolved.values.items()},
        latency_ms=_flat(raw["latency_ms"].filter(good)),
        quarantine=quarantined(raw.filter(bad), reason.filter(bad)),
        callers=callers.filter(pc.invert(nameless)),
    )


def quarantined(rows: "pa.Table", reasons: "pa.Array | str") -> "pa.Table":
    """`rows`, raw or not, set aside for `reasons` (one each, or one for all)."""
    import pyarrow as pa

    texts = [json.dumps(_jsonable(row), ensure_ascii=False, sort_keys=True, default=str) for row in rows.to_pylist()]
    if isinstance(reasons, str):
        reasons = pa.repeat(reasons, len(texts))
    return pa.table([rows["trace_id"], reasons, pa.array(texts, pa.string())], schema=quarantine_schema())


def _values(
    raw: "pa.Table", side: str, fields: Sequence[Field], *, missing: Reason, nested: Reason
) -> tuple["pa.Array", list[tuple[Reason, "pa.Array"]]]:
    """The struct of a side's fields as trace rows hold them, and what is wrong with which rows."""
    import pyarrow as pa
    import pyarrow.compute as pc

    logged, forms = _flat(raw[f"{side}s"]), _flat(raw["forms"])
    from_run = _flat(pc.equal(raw["source"], "runs"))
    columns, faults = [], []
    for field in fields:
        value = pc.map_lookup(logged, field.name, "first")
        form = pc.map_lookup(forms, f"{side}.{field.name}", "first")
        unreadable = pc.fill_null(pc.equal(form, "unreadable"), False)
        column = value if field.is_text else _as_json(value, form, from_run)
        absent = pc.and_not(pc.is_null(column), unreadable)
        if field.required:
            absent = pc.or_(absent, pc.fill_null(pc.equal(value, ""), False))
        in_parts = _has_parts(logged, field.name)
        faults += [
            (nested, pc.and_(absent, in_parts)),
            (Reason.UNREADABLE_VALUE, unreadable),
            (Reason.TRUNCATED, pc.and_(from_run, pc.equal(pc.utf8_length(value), PARAM_LIMIT))),
        ]
        if field.required:
            faults.append((missing, pc.and_not(absent, in_parts)))
        if field.is_text:
            faults.append((nested, pc.equal(form, "nested")))
        columns.append(column)
    return pa.StructArray.from_arrays(columns, names=[field.name for field in fields]), faults


def _as_json(values: "pa.Array", forms: "pa.Array", from_run: "pa.Array") -> "pa.Array":
    """The values of a field that is no text, as JSON; None where a call does not hold it."""
    import pyarrow as pa

    texts = []
    for value, form, is_param in zip(values.to_pylist(), forms.to_pylist(), from_run.to_pylist(), strict=True):
        if value is None:
            texts.append("null" if form == "json" else None)
        elif form is not None:
            texts.append(value)
        else:
            texts.append(json_of_param(value) if is_param else json_text(value))
    return pa.array(texts, pa.string())


def json_of_param(text: str) -> str:
    """JSON of a run's param, which is a text whatever was logged: JSON, or what Python's `str` makes of a value."""
    for read in (json.loads, ast.literal_eval):
        try:
            return json_text(read(text))
        except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
            continue
    return json_text(text)


def _has_parts(logged: "pa.Array", name: str) -> "pa.Array":
    """Whether a row has keys such as `name.part`, as a nested value leaves them behind."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    entries = logged.cast(pa.list_(pa.struct([("key", pa.string()), ("value", pa.string())])))
    keys = pc.list_flatten(entries).field("key")
    found = np.zeros(len(logged), dtype=bool)
    found[pc.list_parent_indices(entries).filter(pc.starts_with(keys, f"{name}.")).to_numpy()] = True
    return pa.array(found)


def _outcome_faults(resolved: Resolved, config: OutcomeConfig) -> list[tuple[Reason, "pa.Array"]]:
    import pyarrow.compute as pc

    faults = []
    columns = list(resolved.values.values())
    some, every = pc.is_valid(columns[0]), pc.is_valid(columns[0])
    uncounted = functools.reduce(pc.or_, resolved.uncounted.values())
    for column in columns[1:]:
        some, every = pc.or_(some, pc.is_valid(column)), pc.and_(every, pc.is_valid(column))
    if config.missing is Missing.DROP:
        faults.append((Reason.MISSING_OUTCOME, pc.invert(some)))
        faults.append((Reason.UNCOUNTED_OUTCOME, pc.and_not(uncounted, some)))
    if config.partial is Partial.DROP:
        faults.append((Reason.PARTIAL_OUTCOME, pc.and_not(some, every)))
    for metric in config.metrics:
        value = resolved.values[metric.metric]
        faults.append((Reason.OUTCOME_NOT_A_NUMBER, pc.invert(pc.is_finite(value))))
        if metric.normalisation is Normalisation.IDENTITY:
            outside = pc.or_(pc.less(value, metric.minimum), pc.greater(value, metric.maximum))
            faults.append((Reason.OUTCOME_OUT_OF_RANGE, outside))
    return faults


def _contributors(raw: "pa.Table") -> tuple["pa.Array", list[tuple[Reason, "pa.Array"]]]:
    """Checksummed addresses, and which rows name no usable contributor."""
    import pyarrow as pa
    import pyarrow.compute as pc

    ids, addresses = _flat(raw["contributor_id"]), _flat(raw["contributor_address"])
    absent = pc.fill_null(pc.equal(ids, ""), True)
    distinct = pc.unique(ids).drop_null()
    plain = [name for name in distinct.to_pylist() if len(name) <= MAX_IDENTIFIER and is_plain(name)]
    odd = pc.and_not(pc.invert(absent), pc.is_in(ids, value_set=pa.array(plain, pa.string())))
    written = pc.unique(addresses).drop_null()
    read = pa.array([_checksummed(text) for text in written.to_pylist()], pa.string())
    checked = read.take(pc.index_in(addresses, value_set=written))
    wrong = pc.and_(pc.fill_null(pc.not_equal(addresses, ""), False), pc.is_null(checked))
    return checked, [
        (Reason.MISSING_CONTRIBUTOR, absent),
        (Reason.INVALID_CONTRIBUTOR, odd),
        (Reason.INVALID_ADDRESS, wrong),
    ]


def _checksummed(text: str) -> str | None:
    try:
        return checksum_address(text) if text else None
    except AddressError:
        return None


def _moment(milliseconds: "pa.Array") -> "pa.Array":
    import pyarrow as pa

    return _flat(milliseconds).cast(pa.timestamp("ms", tz="UTC"))


def _flat(column: "pa.Array | pa.ChunkedArray") -> "pa.Array":
    import pyarrow as pa

    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def _jsonable(value: Any) -> Any:
    """Maps as objects, and what JSON has no number for as text."""
    if isinstance(value, dict):
        return {key: _jsonable(item) for key, item in value.items()}
    if isinstance(value, list):
        if value and all(isinstance(item, tuple) for item in value):
            return {key: _jsonable(item) for key, item in value}
        return [_jsonable(item) for item in value]
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return str(value)
    return value
