"""Raw traces as the program file wants them understood: who contributed, and which answer is right."""

from typing import TYPE_CHECKING

from teleprompt.config.program import ProgramConfig
from teleprompt.config.traces import Labels
from teleprompt.program.fields import DeclaredFields
from teleprompt.traces._labels import with_expectations

if TYPE_CHECKING:
    import pyarrow as pa


def interpreted(raw: "pa.Table", config: ProgramConfig, declared: DeclaredFields) -> "pa.Table":
    """`raw` with a contributor where a call named none, and with expected answers where those are the labels."""
    raw = _with_contributors(raw, config)
    if config.traces.labels is Labels.EXPECTATION:
        return with_expectations(raw, declared, config.outcome)
    return raw


def _with_contributors(raw: "pa.Table", config: ProgramConfig) -> "pa.Table":
    import pyarrow as pa
    import pyarrow.compute as pc

    nobody = pa.scalar(None, pa.string())
    named = raw["contributor_id"]
    named = pc.if_else(pc.fill_null(pc.not_equal(named, ""), False), named, nobody)
    if config.attribution.from_user:
        named = pc.coalesce(named, raw["user"])
    if config.anonymous is not None:
        named = pc.fill_null(named, config.anonymous)
    return raw.set_column(raw.schema.get_field_index("contributor_id"), raw.schema.field("contributor_id"), named)
