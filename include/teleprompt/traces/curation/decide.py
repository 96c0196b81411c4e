"""What becomes of each usable row: pure decisions over the facts, before any text is read again."""

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from teleprompt.config.curation import ON_TRAIN_ONLY, RedactStep
from teleprompt.config.optimization import OptimizationConfig, SampleWeight
from teleprompt.config.program import ProgramConfig
from teleprompt.config.traces import Labels
from teleprompt.records import MILLION, to_millionths
from teleprompt.traces._facts import OUTCOME
from teleprompt.traces._validate import Reason
from teleprompt.traces.curation._steps import REASONS, kept, kept_for_training
from teleprompt.traces.curation._strata import strata
from teleprompt.traces.curation.weights import effective_number, sample_weights
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
    mix = config.optimization.stratify_by
    categories = np.zeros(len(facts), dtype=np.int64) if mix is None else strata(facts, mix)
    sampled = stratified_sample(categories[alive], config.optimization.max_traces)
    if len(sampled) < len(alive):
        name = "max_traces" if mix is None else f"max_traces by {mix}"
        funnel.append(FunnelStep(step=name, rows_in=len(alive), rows_out=len(sampled)))
        alive = alive[sampled]
    found = split(facts.take(alive), config.split, categories=categories[alive])
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
    funnel.extend(_learning(scores[parts == Part.TRAIN.value], config.optimization))
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


def stratified_sample(of: "Integers", most: int) -> "Integers":
    """At most `most` of the rows with these strata: of each its share, but for one row, evenly spaced in its order.

    Systematic sampling with implicit stratification: every so many-th row, the strata one after the other (Cochran
    1977, chapter 8).
    """
    import numpy as np

    one_after_the_other = np.argsort(of, kind="stable")
    chosen: Integers = np.sort(one_after_the_other[evenly_spaced(len(of), most)])
    return chosen


def _learning(scores_e6: "Integers", config: OptimizationConfig) -> list[FunnelStep]:
    """How many train rows are good enough to learn from, and of how many equal ones weighted ones are worth."""
    least = to_millionths(config.min_quality_score)
    good = [int(score) for score in scores_e6 if score >= least]
    below = {"below_min_quality_score": len(scores_e6) - len(good)} if len(good) < len(scores_e6) else {}
    steps = [FunnelStep(step="good (train)", rows_in=len(scores_e6), rows_out=len(good), reasons=below)]
    weights = sample_weights(good, least_e6=least) if config.sample_weight is SampleWeight.OUTCOME else None
    if weights is not None:
        name = f"weighted by outcome, worth {effective_number(weights)} equal ones (train)"
        steps.append(FunnelStep(step=name, rows_in=len(good), rows_out=len(good)))
    return steps


def _metric_names(config: ProgramConfig) -> list[str]:
    return [metric.metric for metric in config.outcome.metrics]


def _step(name: str, stays: "np.ndarray[Any, np.dtype[np.bool_]]", reason: str) -> FunnelStep:
    dropped = Counter({reason: int((~stays).sum())})
    return FunnelStep(step=name, rows_in=len(stays), rows_out=int(stays.sum()), reasons=+dropped)
