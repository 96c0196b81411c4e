"""What becomes of each usable row: pure decisions over the facts, before any text is read again."""

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from teleprompt.config.curation import ON_TRAIN_ONLY, RedactStep
from teleprompt.config.program import ProgramConfig
from teleprompt.config.traces import Labels
from teleprompt.records import MILLION
from teleprompt.traces._facts import OUTCOME
from teleprompt.traces._validate import Reason
from teleprompt.traces.curation._steps import REASONS, kept, kept_for_training
from teleprompt.traces.funnel import FunnelStep
from teleprompt.traces.outcomes import OutcomeFit, fit, score_e6
from teleprompt.traces.split import Part, split

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    Integers = np.ndarray[Any, np.dtype[np.int64]]


@dataclass(frozen=True)
class Decisions:
    """One entry per row of the facts, in their order, and the funnel that led there."""

    parts: "np.ndarray[Any, np.dtype[np.object_]]"
    """`train`, `select`, `gate`, or None."""
    reasons: "np.ndarray[Any, np.dtype[np.object_]]"
    """Why a row is quarantined, or None. A row without part and reason was left out by a sample or a size."""
    score_e6: "Integers"
    funnel: tuple[FunnelStep, ...]
    fits: tuple[OutcomeFit, ...]
    imputed: int
    """Rows in a part that have no outcome of their own."""


def decide(facts: "pa.Table", config: ProgramConfig) -> Decisions:
    """Apply the program's steps, the sample, the split, the outcome fits and the steps for training, in this order."""
    import numpy as np

    alive = np.arange(len(facts))
    reasons = np.full(len(facts), None, dtype=object)
    funnel = []
    for step in config.curation:
        if isinstance(step, (RedactStep, *ON_TRAIN_ONLY)):
            continue
        stays = kept(step, facts if len(alive) == len(facts) else facts.take(alive))
        reason = REASONS[step.step].value
        reasons[alive[~stays]] = reason
        funnel.append(_step(step.step, stays, reason))
        alive = alive[stays]
    sampled = evenly_spaced(len(alive), config.optimization.max_traces)
    if len(sampled) < len(alive):
        funnel.append(FunnelStep(step="max_traces", rows_in=len(alive), rows_out=len(sampled)))
        alive = alive[sampled]
    found = split(facts.take(alive), config.split)
    parts = np.full(len(facts), None, dtype=object)
    parts[alive] = [None if part is None else part.value for part in found.parts]
    if found.left_out.any():
        reasons[alive[found.left_out]] = Reason.IN_LATER_PART.value
        funnel.append(_step("split", ~found.left_out, Reason.IN_LATER_PART.value))
    used = int(np.sum(~found.left_out))
    unplaced = used - sum(part is not None for part in found.parts)
    if unplaced:
        funnel.append(FunnelStep(step="split sizes", rows_in=used, rows_out=used - unplaced))
    values = {name: facts[f"{OUTCOME}{name}"].to_numpy().astype(float) for name in _metric_names(config)}
    fits = fit(values, parts == Part.TRAIN.value, config.outcome)
    scores = np.zeros(len(facts), dtype=np.int64)
    if config.traces.labels is Labels.EXPECTATION:
        scores[alive] = MILLION  # it is what a reviewer wanted
    else:
        scores[alive] = score_e6(
            {name: column[alive] for name, column in values.items()}, fits, imputed_score=config.outcome.imputed_score
        )
    for step in config.curation:
        if isinstance(step, ON_TRAIN_ONLY):
            train = np.flatnonzero(parts == Part.TRAIN.value)
            stays = kept_for_training(step, facts.take(train), scores[train], seed=config.split.seed)
            reason = REASONS[step.step].value
            parts[train[~stays]], reasons[train[~stays]] = None, reason
            funnel.append(_step(f"{step.step} (train)", stays, reason))
    unknown = np.all([np.isnan(column) for column in values.values()], axis=0)
    is_imputed = unknown & (parts != None) & (config.traces.labels is Labels.OUTCOME)  # noqa: E711 - elementwise
    return Decisions(
        parts=parts,
        reasons=reasons,
        score_e6=scores,
        funnel=tuple(funnel),
        fits=fits,
        imputed=int(np.sum(is_imputed)),
    )


def evenly_spaced(rows: int, most: int) -> "Integers":
    """At most `most` of so many rows, evenly spaced: in time order, the whole window stays represented."""
    import numpy as np

    return np.arange(rows) if rows <= most else np.arange(most) * rows // most


def _metric_names(config: ProgramConfig) -> list[str]:
    return [metric.metric for metric in config.outcome.metrics]


def _step(name: str, stays: "np.ndarray[Any, np.dtype[np.bool_]]", reason: str) -> FunnelStep:
    dropped = Counter({reason: int((~stays).sum())})
    return FunnelStep(step=name, rows_in=len(stays), rows_out=int(stays.sum()), reasons=+dropped)
