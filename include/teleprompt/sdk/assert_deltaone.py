"""The gate in a test: it passes where the gate says promote."""

from collections.abc import Sequence
from typing import Literal

from teleprompt.config.gate import Claim, Guardrail
from teleprompt.deltaone.report import GateReport, Verdict
from teleprompt.score_files.outcome import of_comparison
from teleprompt.score_files.written import as_text
from teleprompt.sdk.compare_sources import compare_sources
from teleprompt.sdk.score_sources import ScoreSource


def assert_deltaone(
    baseline: ScoreSource,
    candidate: ScoreSource,
    *,
    threshold: float = 0.01,
    claim: str = Claim.SIGNIFICANT,
    alpha: float = 0.05,
    lower_is_better: bool = False,
    guardrails: Sequence[Guardrail] = (),
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
    report = compare_sources(
        baseline,
        candidate,
        threshold=threshold,
        claim=claim,
        alpha=alpha,
        lower_is_better=lower_is_better,
        guardrails=guardrails,
        id=id,
        score=score,
        group=group,
        scale=scale,
    )
    if report.verdict is Verdict.PROMOTE:
        return report
    text = as_text(of_comparison(report, baseline=_name(baseline), candidate=_name(candidate)))
    if report.verdict is Verdict.INCONCLUSIVE and inconclusive == "skip":
        import pytest

        pytest.skip(text.partition("\n")[0])
    raise AssertionError(text)


def _name(source: ScoreSource) -> str:
    return str(source) if hasattr(source, "__fspath__") or isinstance(source, str) else ""
