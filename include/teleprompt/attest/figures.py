"""The figures of a report as a document states them."""

from typing import Any

from teleprompt.deltaone.online_report import OnlineReport
from teleprompt.deltaone.report import GateReport
from teleprompt.records import MILLION, from_millionths, to_millionths


def offline_figures(report: GateReport, *, metric: str) -> dict[str, Any]:
    """Of `evidence`, what follows from the scores of sealed examples alone."""
    return {
        **_measured(report, metric=metric, alpha=report.policy.alpha),
        "threshold_e6": report.policy.threshold_e6,
        "n": report.n,
        "n_groups": report.n_groups,
        "wins": report.wins,
        "losses": report.losses,
        "ties": report.ties,
    }


def online_figures(report: OnlineReport, *, metric: str) -> dict[str, Any]:
    """Of `evidence`, what follows from calls in production."""
    return {
        **_measured(report, metric=metric, alpha=report.alpha),
        "threshold_e6": report.threshold_e6,
        "n_baseline": report.baseline.calls,
        "n_optimized": report.optimized.calls,
        "keys_baseline": report.baseline.keys,
        "keys_optimized": report.optimized.keys,
        "missing_baseline": report.baseline.missing,
        "missing_optimized": report.optimized.missing,
        **({} if report.weeks is None else {"weeks": report.weeks, "missing_are": report.missing_are.value}),
    }


def performance_of(report: GateReport, metric: str) -> dict[str, Any]:
    """The documents' `performance`."""
    return {
        "deltaone_achieved": report.delta_e6 >= report.policy.threshold_e6,
        "performance_delta": from_millionths(report.delta_e6),
        "baseline_metrics": {metric: from_millionths(report.baseline_e6)},
        "optimized_metrics": {metric: from_millionths(report.optimized_e6)},
    }


def online_performance(report: OnlineReport, metric: str) -> dict[str, Any]:
    """The documents' `performance`, as measured in production."""
    return {
        "deltaone_achieved": report.delta_e6 >= report.threshold_e6,
        "performance_delta": from_millionths(report.delta_e6),
        "baseline_metrics": {metric: from_millionths(report.baseline.mean_e6 or 0)},
        "optimized_metrics": {metric: from_millionths(report.optimized.mean_e6 or 0)},
    }


def _measured(report: GateReport | OnlineReport, *, metric: str, alpha: float) -> dict[str, Any]:
    """What evidence of both kinds says of its test.

    The upper end of a sequence of windows is the lowest of any; where gains rise it may fall below the mean of all.
    """
    return {
        "verdict": report.verdict.value,
        "claim": report.evidence.value if report.evidence else None,
        "metric": metric,
        "test": report.test,
        "interval": report.interval,
        "delta_e6": report.delta_e6,
        "ci_low_e6": report.ci_low_e6,
        "ci_high_e6": max(report.ci_high_e6, report.delta_e6),
        "p_value_e6": report.p_value_e6,
        "confidence_e6": MILLION - max(1, to_millionths(alpha)),
    }
