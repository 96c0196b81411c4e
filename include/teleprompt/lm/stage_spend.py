"""What the stages of a run spent on language models, as metrics of its MLflow run: `lm_calls/gate`, `lm_cost/gate`."""

import re
from collections import defaultdict
from collections.abc import Mapping

from teleprompt.lm.meter import Spend
from teleprompt.records import MILLION, Record

STAGES = ("compile", "select", "gate", "load")
"""In their order; `load` is the trial of a version's files before it is registered."""

CALLS, TOKENS, COST = "lm_calls", "lm_tokens", "lm_cost"

_ONE_OF_MANY = re.compile(r"_seed_-?\d+$")
"""What tells the parts of a stage from each other that run side by side."""


class StageSpend(Record):
    """What one stage spent."""

    calls: int = 0
    """Requests that were sent, repeated and failed ones included."""
    tokens: int = 0
    """In and out."""
    cost_usd: float = 0.0
    """Estimated price, as far as prices are known."""

    def __add__(self, other: "StageSpend") -> "StageSpend":
        return StageSpend(
            calls=self.calls + other.calls,
            tokens=self.tokens + other.tokens,
            cost_usd=self.cost_usd + other.cost_usd,
        )


def with_spend(metrics: Mapping[str, float], stage: str, spend: Spend) -> dict[str, float]:
    """The metrics to log for what `stage` spent, on top of what `metrics` say that it and the others spent before."""
    own = {metric: metrics.get(metric, 0) + value for metric, value in _metrics_of(stage, spend).items()}
    return _with_totals(metrics, own)


def with_whole_spend(metrics: Mapping[str, float], stage: str, spend: Spend) -> dict[str, float]:
    """The metrics to log where `spend` is all that `stage` spent, earlier tries included as far as it knows of them.

    One that began afresh knows less than those before it, of which the dearest then counts.
    """
    own = {metric: max(metrics.get(metric, 0), value) for metric, value in _metrics_of(stage, spend).items()}
    return _with_totals(metrics, own)


def _metrics_of(stage: str, spend: Spend) -> dict[str, float]:
    amounts = {CALLS: spend.calls, TOKENS: spend.tokens_in + spend.tokens_out, COST: spend.cost_e6 / MILLION}
    return {f"{name}/{stage}": value for name, value in amounts.items()}


def _with_totals(metrics: Mapping[str, float], own: Mapping[str, float]) -> dict[str, float]:
    known = {**metrics, **own}
    totals = {
        name: sum(value for metric, value in known.items() if metric.startswith(f"{name}/"))
        for name in (CALLS, TOKENS, COST)
    }
    return {**own, **totals}


def spend_by_stage(metrics: Mapping[str, float]) -> dict[str, StageSpend]:
    """What each stage spent, in the stages' order; candidates that were compiled side by side are added up."""
    found: defaultdict[str, StageSpend] = defaultdict(StageSpend)
    for metric, calls in metrics.items():
        name, _, part = metric.partition("/")
        if name != CALLS or not part:
            continue
        found[_ONE_OF_MANY.sub("", part)] += StageSpend(
            calls=int(calls),
            tokens=int(metrics.get(f"{TOKENS}/{part}", 0)),
            cost_usd=metrics.get(f"{COST}/{part}", 0.0),
        )
    return {stage: found[stage] for stage in sorted(found, key=lambda stage: (_place(stage), stage))}


def _place(stage: str) -> int:
    return STAGES.index(stage) if stage in STAGES else len(STAGES)
