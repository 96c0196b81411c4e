"""What became of the calls that named versions answered, with or without an outcome."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from teleprompt.config.outcome import Normalisation, OutcomeConfig, Partial
from teleprompt.config.program import ProgramConfig
from teleprompt.program.fields import json_text
from teleprompt.traces.outcomes import OutcomeFit, resolve, score_e6
from teleprompt.traces.shadow_answer import ShadowAnswer, shadow_of
from teleprompt.traces.sources.choose import open_store
from teleprompt.traces.sources.of_program import maturing, program_sources
from teleprompt.window import Window

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from mlflow import MlflowClient


@dataclass(frozen=True, slots=True)
class AnsweredCall:
    """One call, and the version that answered it by its tag `dspy_program_version`."""

    trace_id: str
    version: str
    key: str | None
    """By which its version was chosen, or its group; None where neither was logged."""
    share: float | None
    """Of the keys, that the challenger answered then; None where that was not logged."""
    started_at_ms: int
    score_e6: int | None
    """None without a usable outcome."""
    latency_ms: int | None = None
    failed: bool = False
    shadow: ShadowAnswer | None = None
    """What a challenger would have answered."""
    is_shadow_alike: bool | None = None
    """Whether that is the answer that was given; None where one of them is not known."""


def calls_of_versions(
    client: "MlflowClient",
    *,
    config: ProgramConfig,
    window: Window,
    tags: Mapping[str, str],
    fits: Sequence[OutcomeFit],
) -> list[AnsweredCall]:
    """The calls that started in `window` and whose version tag is one of `tags`, which maps it to the version's id.

    Outcomes join by the call they belong to, however late they came; they are normalised as `fits` says, as those were
    that the version was made from. An outcome that is missing, no number or outside its range is no outcome: it is not
    imputed and not 0.
    """
    found = []
    with open_store(client) as store:
        for source in program_sources(store, config):
            for raw in source.read(config.name, window):
                found += _of_batch(raw.combine_chunks(), config.outcome, tags, fits)
    return found


@dataclass(frozen=True, slots=True)
class Propensity:
    """By which chance one call's answer was drawn, and for whom."""

    probability: float | None
    """None where it was not logged, or is none."""
    key: str | None


def propensities(client: "MlflowClient", *, config: ProgramConfig, window: Window) -> dict[str, Propensity]:
    """Of the calls that mature in `window`, by trace id."""
    started = maturing(window, config)
    columns = ["trace_id", "propensity", "assignment_key", "group"]
    with open_store(client) as store:
        return {
            row["trace_id"]: Propensity(_probability(row["propensity"]), row["assignment_key"] or row["group"] or None)
            for source in program_sources(store, config)
            for raw in source.read(config.name, started)
            for row in raw.select(columns).to_pylist()
        }


def _probability(logged: str | None) -> float | None:
    try:
        found = float(logged or "")
    except ValueError:
        return None
    return found if 0 <= found <= 1 else None


def _of_batch(
    raw: "pa.Table", config: OutcomeConfig, tags: Mapping[str, str], fits: Sequence[OutcomeFit]
) -> list[AnsweredCall]:
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    raw = raw.filter(pc.is_in(raw["program_version"], value_set=pa.array(list(tags), pa.string()))).combine_chunks()
    if not len(raw):
        return []
    values = _usable(raw, config)
    there = np.array([~np.isnan(column) for column in values.values()])
    scored: np.ndarray[Any, np.dtype[np.bool_]] = (np.all if config.partial is Partial.DROP else np.any)(there, axis=0)
    scores = iter(
        score_e6({name: column[scored] for name, column in values.items()}, fits, imputed_score=None).tolist()
    )
    result = []
    columns = [
        *("trace_id", "program_version", "group", "assignment_key", "assignment_share", "started_at_ms"),
        *("latency_ms", "failed", "outputs", "outcomes"),
    ]
    for row, has_score in zip(raw.select(columns).to_pylist(), scored.tolist(), strict=True):
        shadow = shadow_of(row["outcomes"] or [])
        result.append(
            AnsweredCall(
                trace_id=row["trace_id"],
                version=tags[row["program_version"]],
                key=row["assignment_key"] or row["group"] or None,
                share=_share(row["assignment_share"]),
                started_at_ms=row["started_at_ms"],
                score_e6=next(scores) if has_score else None,
                latency_ms=row["latency_ms"],
                failed=bool(row["failed"]),
                shadow=shadow,
                is_shadow_alike=_alike(shadow, dict(row["outputs"] or ())),
            )
        )
    return result


def _alike(shadow: ShadowAnswer | None, outputs: Mapping[str, str | None]) -> bool | None:
    if shadow is None or shadow.outputs is None or not outputs:
        return None
    written = {
        name: value if isinstance(value, str) or value is None else json_text(value)
        for name, value in shadow.outputs.items()
    }
    return written == outputs


def _share(logged: str | None) -> float | None:
    """As it was logged; 1 was that of the champion itself, by an earlier version, and says nothing of a challenger."""
    try:
        share = float(logged or "")
    except ValueError:
        return None
    return share if 0 <= share < 1 else None


def _usable(raw: "pa.Table", config: OutcomeConfig) -> dict[str, "np.ndarray[Any, np.dtype[np.float64]]"]:
    """Each metric's values, NaN where a call has none that can be used."""
    import numpy as np

    resolved = resolve(raw["outcomes"], config)
    found = {}
    for metric in config.metrics:
        column = resolved.values[metric.metric].to_numpy(zero_copy_only=False).astype(float)
        if metric.normalisation is Normalisation.IDENTITY:
            column = np.where((column < metric.minimum) | (column > metric.maximum), np.nan, column)
        found[metric.metric] = column
    return found
