"""What curation needs to know of each row: small columns that stay in memory while the texts lie on disk."""

import hashlib
from typing import TYPE_CHECKING

from teleprompt.config.curation import BY_OUTCOME, BalanceStep, NearDuplicatesStep
from teleprompt.config.program import ProgramConfig
from teleprompt.config.split import NEAR_DUPLICATES
from teleprompt.errors import ConfigurationError
from teleprompt.program.fields import ProgramFields
from teleprompt.traces.similarity import signatures

if TYPE_CHECKING:
    import pyarrow as pa

DIGEST_BYTES = 16
OUTCOME = "outcome:"
WHITE_SPACE = r"[\s\p{Z}]{2,}|[^\S ]|[^\P{Z} ]"
"""All but a single space: texts are full of those, and to replace each by itself takes four times as long."""


def facts_of(
    rows: "pa.Table", values: dict[str, "pa.Array"], latency_ms: "pa.Array", config: ProgramConfig
) -> "pa.Table":
    """One row of facts per row: digests of inputs and content, length, latency, outcomes, and keys of groups.

    Columns: `started_at_ms`, `asked` and `content` (digests of the normalised inputs, and of inputs and outputs),
    `length` (characters), `latency_ms`, `contributor`, `group`, one `outcome:<metric>` each, and what the program's
    curation and split ask for: further keys, `near_inputs`, `near_content` (MinHash signatures).
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    inputs, outputs = normalised(rows["inputs"]), normalised(rows["outputs"])
    both = pc.binary_join_element_wise(inputs, outputs, "\x1e")
    columns = {
        "started_at_ms": rows["started_at"].cast(pa.int64()),
        "asked": digests(inputs),
        "content": digests(both),
        "length": pc.utf8_length(both).cast(pa.int64()),
        "latency_ms": latency_ms,
        "contributor": rows["contributor_id"],
        "group": rows["group"],
        **{f"{OUTCOME}{name}": column for name, column in values.items()},
    }
    for key in wanted_keys(config).values():
        if key not in columns and key != BY_OUTCOME:
            side, _, field = key.partition(".")
            columns[key] = pc.struct_field(rows[f"{side}s"].combine_chunks(), field)
    if NEAR_DUPLICATES in config.split.group_by:
        columns["near_inputs"] = signatures(inputs)
    if any(isinstance(step, NearDuplicatesStep) for step in config.curation):
        columns["near_content"] = signatures(both)
    return pa.table(columns)


def wanted_keys(config: ProgramConfig) -> dict[str, str]:
    """What the program file goes by: the place that says so, and the key."""
    steps = {f"curation.{i}.by": step.by for i, step in enumerate(config.curation) if isinstance(step, BalanceStep)}
    groups = {f"split.group_by.{i}": key for i, key in enumerate(config.split.named_keys)}
    mix = config.optimization.stratify_by
    return {**steps, **groups, **({"optimization.stratify_by": mix} if mix else {})}


def check_keys(config: ProgramConfig, fields: ProgramFields) -> None:
    """Refuse a program file that goes by a field which the program has not.

    Raises:
        ConfigurationError: naming the place, the field, and those that there are.
    """
    for place, key in wanted_keys(config).items():
        side, _, name = key.partition(".")
        names = [field.name for field in (fields.inputs if side == "input" else fields.outputs)]
        if name and name not in names:
            raise ConfigurationError(
                f"`{place}` names the {side} `{name}`, which {config.name} does not have; its {side}s are "
                f"{', '.join(f'`{own}`' for own in names)}."
            )


def normalised(fields: "pa.ChunkedArray") -> "pa.Array":
    """The text of a struct of fields as it is compared: NFKC, lower case, white space as one space."""
    import pyarrow as pa
    import pyarrow.compute as pc

    struct = fields.combine_chunks() if isinstance(fields, pa.ChunkedArray) else fields
    texts = []
    for i in range(struct.type.num_fields):
        text = pc.utf8_lower(pc.utf8_normalize(pc.fill_null(struct.field(i).cast(pa.string()), ""), form="NFKC"))
        texts.append(pc.utf8_trim_whitespace(pc.replace_substring_regex(text, WHITE_SPACE, " ")))
    return pc.binary_join_element_wise(*texts, "\x1f") if texts else pa.repeat("", len(struct))


def digests(texts: "pa.Array") -> "pa.Array":
    """A digest of sixteen bytes per text: two of 2**64 texts are expected to collide."""
    import pyarrow as pa

    return pa.array(
        [hashlib.blake2b(text.encode(), digest_size=DIGEST_BYTES).digest() for text in texts.to_pylist()],
        pa.binary(DIGEST_BYTES),
    )


def concat_facts(parts: list["pa.Table"]) -> "pa.Table":
    """The facts of all rows, with contributors, groups and other keys as dictionaries.

    `parts` is emptied, so that not all of it is in memory twice.
    """
    import pyarrow as pa

    schema = parts[0].schema
    chunks = {name: [chunk for part in parts for chunk in part[name].chunks] for name in schema.names}
    parts.clear()
    columns = {}
    for field in schema:
        column = pa.chunked_array(chunks.pop(field.name), field.type)
        if pa.types.is_string(field.type):
            column = column.dictionary_encode()
        columns[field.name] = column.combine_chunks()
    return pa.table(columns)
