"""The gate in a test: it passes where the gate says promote."""

from typing import Literal

from teleprompt.config.gate import Claim, Guardrail
from teleprompt.config.outcome import Direction
from teleprompt.deltaone.report import GatePolicy, GateReport, Verdict
from teleprompt.errors import ConfigurationError
from teleprompt.records import to_millionths
from teleprompt.score_files.columns import Columns
from teleprompt.score_files.outcome import of_comparison
from teleprompt.score_files.verdict import judge
from teleprompt.score_files.written import as_text
from teleprompt.sdk.score_sources import ScoreSource, pair_sources


def assert_deltaone(
    baseline: ScoreSource,
    candidate: ScoreSource,
    *,
    threshold: float = 0.01,
    claim: Literal["significant", "proven"] = "significant",
    alpha: float = 0.05,
    lower_is_better: bool = False,
    guardrails: tuple[Guardrail, ...] = (),
    inconclusive: Literal["fail", "skip"] = "fail",
    id: str | None = None,  # noqa: A002 - as the command calls it
    score: str | None = None,
    group: str | None = None,
    scale: float = 1.0,
) -> GateReport:
    """Assert that the candidate is better; the arguments are the options of `teleprompt gate`.

    `inconclusive` says whether a comparison that decides nothing fails the test, or skips it in pytest.

    Raises:
        AssertionError: it is worse or, unless that skips the test, nothing is shown; the message has all figures.
        ConfigurationError: the scores cannot be had, do not pair, or are too few; or an argument is out of range.
    """
    __tracebackhide__ = True  # pytest then shows the test, which says more
    policy = _policy(threshold, claim, alpha, Direction.LOWER if lower_is_better else Direction.HIGHER)
    columns = Columns(id, score, group, tuple(guardrail.metric for guardrail in guardrails))
    report = judge(pair_sources(baseline, candidate, columns, scale=scale), policy, guardrails)
    if report.verdict is Verdict.PROMOTE:
        return report
    text = as_text(of_comparison(report, baseline=_name(baseline), candidate=_name(candidate)))
    if report.verdict is Verdict.INCONCLUSIVE and inconclusive == "skip":
        import pytest

        pytest.skip(text.partition("\n")[0])
    raise AssertionError(text)


def _policy(threshold: float, claim: str, alpha: float, direction: Direction) -> GatePolicy:
    try:
        return GatePolicy(threshold_e6=to_millionths(threshold), claim=Claim(claim), alpha=alpha, direction=direction)
    except ValueError as error:
        raise ConfigurationError(
            f"No comparison asks for threshold={threshold!r}, claim={claim!r}, alpha={alpha!r}; the usual ones are "
            "0.01, 'significant' and 0.05."
        ) from error


def _name(source: ScoreSource) -> str:
    return str(source) if hasattr(source, "__fspath__") or isinstance(source, str) else ""
