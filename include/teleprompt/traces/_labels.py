"""What a reviewer expected, in place of what the program answered."""

from collections.abc import Collection, Iterable, Mapping
from json import loads
from typing import TYPE_CHECKING, Any

from teleprompt.config.outcome import OutcomeConfig
from teleprompt.program.fields import DeclaredFields
from teleprompt.traces.sources.raw import OUTPUT_PREFIX, as_texts, raw_schema

if TYPE_CHECKING:
    import pyarrow as pa

UNEXPECTED = "label"
"""Key in `forms` of a call that nobody said the right answer of."""

WHOLE_ANSWER = ("expected_response", "expected_output", "expected_answer", "expected")
"""What MLflow's scorers, and people, call the one right answer."""


def with_expectations(raw: "pa.Table", declared: DeclaredFields, outcome: OutcomeConfig) -> "pa.Table":
    """Raw traces with the expected outputs in place of those that were given.

    An output is expected under its name or `expected_<name>`, by an expectation that is an object with its name, or,
    where the program has only one, by one of `WHOLE_ANSWER`; the latest counts. A call whose outputs are not all
    expected is marked. Whose expectations count is said as for feedback.
    """
    import pyarrow as pa

    required = [field.name for field in declared.outputs if field.required]
    names = [field.name for field in declared.outputs]
    outputs, forms = [], []
    for row in raw.select(["outcomes", "forms"]).to_pylist():
        own = {name: form for name, form in row["forms"] or [] if not name.startswith(OUTPUT_PREFIX)}
        expected = expected_outputs(_expectations(row["outcomes"] or (), outcome), names, required)
        if expected is None:
            own[UNEXPECTED] = "missing"
        outputs.append(as_texts(expected or {}, OUTPUT_PREFIX, own))
        forms.append(list(own.items()))
    for name, values in (("outputs", outputs), ("forms", forms)):
        column = raw_schema().field(name)
        raw = raw.set_column(raw.schema.get_field_index(name), column, pa.array(values, column.type))
    return raw


def unexpected(raw: "pa.Table") -> "pa.Array":
    """Which raw traces are marked."""
    import pyarrow.compute as pc

    return pc.is_valid(pc.map_lookup(raw["forms"].combine_chunks(), UNEXPECTED, "first"))


def rationales(raw: "pa.Table") -> "pa.Array":
    """What the latest of each call's expectations was explained with; null where none was."""
    import pyarrow as pa

    told = [
        [one["rationale"] for one in said or () if one["kind"] == "expectation" and one["rationale"]]
        for said in raw["outcomes"].to_pylist()
    ]
    return pa.array([texts[-1] if texts else None for texts in told], pa.string())


def _expectations(said: Iterable[Mapping[str, Any]], outcome: OutcomeConfig) -> dict[str, Any]:
    sources = {source.value for source in outcome.sources}
    return {
        one["name"]: loads(one["text"])
        for one in said
        if one["kind"] == "expectation"
        and one["text"] is not None
        and one["source"] in sources
        and (not outcome.raters or one["rater"] in outcome.raters)
    }


def expected_outputs(
    expectations: Mapping[str, Any], names: Collection[str], required: list[str]
) -> dict[str, Any] | None:
    """The expected outputs by name, None if one that each answer holds is not expected.

    Of a program whose outputs nobody knows all expectations are outputs, with `expected_` taken off.
    """
    if not names:
        return {name.removeprefix("expected_"): value for name, value in expectations.items()} or None
    found: dict[str, Any] = {}
    for value in expectations.values():
        if isinstance(value, Mapping) and set(required) <= value.keys() and set(names) & value.keys():
            found |= {name: value[name] for name in names if name in value}
    for name in names:
        keys = [name, f"expected_{name}"]
        if [name] == required and name not in found:
            keys += WHOLE_ANSWER
        if (key := next((key for key in keys if key in expectations), None)) is not None:
            found[name] = expectations[key]
    return found if set(required) <= found.keys() and found else None
