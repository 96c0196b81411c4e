"""Further metrics that a gain must not be paid with."""

from collections.abc import Mapping, Sequence
from fractions import Fraction

from teleprompt.config.gate import Guardrail
from teleprompt.config.outcome import Direction
from teleprompt.deltaone.report import GuardrailCheck
from teleprompt.deltaone.scores import ScoredAnswer, mean_e6
from teleprompt.records import MILLION, Record

FAILURE_RATE = "failure_rate"


class YearSoFar(Record):
    """What a metric came to by the promotions of the last 365 days, in millionths of its unit."""

    baseline_e6: int
    """Of the version before the first of them."""
    change_e6: int
    """By all of them together."""


def check_guardrails(
    guardrails: Sequence[Guardrail], baseline: Sequence[ScoredAnswer], optimized: Sequence[ScoredAnswer]
) -> tuple[GuardrailCheck, ...]:
    """Each guardrail on the answers of two programs to the same examples, in order."""
    return tuple(_check(guardrail, baseline, optimized) for guardrail in guardrails)


def check_over_the_year(
    guardrails: Sequence[Guardrail], checks: Sequence[GuardrailCheck], year: Mapping[str, YearSoFar]
) -> tuple[GuardrailCheck, ...]:
    """The same guardrails against the version of a year ago, so that small tolerances do not add up.

    What the candidate changes is added to what the promotions of the year did; a metric that none of them measured is
    not checked again.
    """
    found = []
    for guardrail, check in zip(guardrails, checks, strict=True):
        before = year.get(guardrail.metric)
        if before is None or check.baseline_e6 is None or check.optimized_e6 is None:
            continue
        after_e6 = before.baseline_e6 + before.change_e6 + check.optimized_e6 - check.baseline_e6
        found.append(check_values(guardrail, [before.baseline_e6], [after_e6]).model_copy(update={"of_the_year": True}))
    return tuple(found)


def _check(guardrail: Guardrail, baseline: Sequence[ScoredAnswer], optimized: Sequence[ScoredAnswer]) -> GuardrailCheck:
    """What failed has no latency and no score, so the mean is taken over examples that both answered.

    How often a program fails is a metric of its own.
    """
    pairs = list(zip(baseline, optimized, strict=True))
    if guardrail.metric != FAILURE_RATE:
        pairs = [pair for pair in pairs if pair[0].failure is None and pair[1].failure is None]
    return check_values(
        guardrail,
        [value_e6(answer, guardrail.metric) for answer, _ in pairs],
        [value_e6(answer, guardrail.metric) for _, answer in pairs],
    )


def check_values(guardrail: Guardrail, before: Sequence[int | None], after: Sequence[int | None]) -> GuardrailCheck:
    """The guardrail on the metric's values of two programs, in millionths of its unit; None where one is missing.

    Means are compared as they are: a guardrail need not be shown to be broken.
    """
    missing = before.count(None) + after.count(None)
    there = not missing and bool(before)
    baseline_e6 = mean_e6([value for value in before if value is not None]) if there else None
    optimized_e6 = mean_e6([value for value in after if value is not None]) if there else None
    limit_e6 = None if baseline_e6 is None else _limit_e6(guardrail, baseline_e6)
    return GuardrailCheck(
        metric=guardrail.metric,
        direction=guardrail.direction,
        baseline_e6=baseline_e6,
        optimized_e6=optimized_e6,
        limit_e6=limit_e6,
        missing=missing,
        holds=optimized_e6 is not None
        and limit_e6 is not None
        and (optimized_e6 <= limit_e6 if guardrail.direction is Direction.LOWER else optimized_e6 >= limit_e6),
    )


def _limit_e6(guardrail: Guardrail, baseline_e6: int) -> int:
    """The worst tolerated value, rounded towards the baseline."""
    tolerance = guardrail.tolerance
    if isinstance(tolerance, str):
        room = int(abs(baseline_e6) * Fraction(tolerance.removesuffix("%")) / 100)
    else:
        room = int(Fraction(str(tolerance)) * MILLION)
    return baseline_e6 + (room if guardrail.direction is Direction.LOWER else -room)


def value_e6(answer: ScoredAnswer, metric: str) -> int | None:
    """The answer's value of a guardrail's metric in millionths; None where it has none."""
    used = answer.usage
    match metric:
        case "failure_rate":
            return MILLION * int(answer.failure is not None)
        case "latency_seconds":
            return used.latency_us if used else None
        case "tokens":
            return used.tokens * MILLION if used and used.tokens is not None else None
        case "cost_usd":
            return used.cost_e6 if used else None
        case _:
            return answer.parts_e6.get(metric)
