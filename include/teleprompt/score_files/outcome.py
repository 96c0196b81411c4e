"""What a comparison or a trial of score files found, in the form that all its readers are written from."""

from dataclasses import dataclass

from teleprompt.config.outcome import Direction
from teleprompt.deltaone.report import GateReport, GuardrailCheck, Verdict
from teleprompt.deltaone.trial_report import TrialReport
from teleprompt.records import MILLION

IN_WORDS = {
    "mcnemar_exact": "exact McNemar test",
    "sign_flip": "permutation test",
    "sign": "sign test",
    "bonett_price": "Bonett-Price interval",
    "bca_unseen": "BCa bootstrap, widened by what may be unseen",
    "unseen": "interval by what may be unseen",
    "none": "no interval",
}


@dataclass(frozen=True)
class Outcome:
    """A verdict with its figures, for people. Differences are millionths, and a gain is positive."""

    verdict: Verdict
    reason: str
    """One sentence."""
    delta_e6: int
    low_e6: int
    high_e6: int
    threshold_e6: int
    facts: tuple[tuple[str, str], ...]
    """Names and what they are, in the order in which they are read."""
    checks: tuple[GuardrailCheck, ...] = ()

    @property
    def change(self) -> str:
        """The change and its interval, in percentage points."""
        return f"{self.delta_e6 / 1e4:+.2f} points [{self.low_e6 / 1e4:+.2f}, {self.high_e6 / 1e4:+.2f}]"


def of_comparison(report: GateReport, *, baseline: str, candidate: str) -> Outcome:
    """The outcome of one comparison; the programs are named by their files."""
    policy = report.policy
    lower = ", lower scores are better" if policy.direction is Direction.LOWER else ""
    groups = f" in {report.n_groups} groups" if report.n_groups != report.n else ""
    return Outcome(
        verdict=report.verdict,
        reason=report.reason_on("examples"),
        delta_e6=report.delta_e6,
        low_e6=report.ci_low_e6,
        high_e6=report.ci_high_e6,
        threshold_e6=policy.threshold_e6,
        facts=(
            ("baseline", f"{report.baseline_e6 / 1e4:.2f} %  {baseline}"),
            ("candidate", f"{report.optimized_e6 / 1e4:.2f} %  {candidate}"),
            ("examples", f"{report.n}{groups}: {report.wins} better, {report.losses} worse, {report.ties} alike"),
            ("asked for", f"at least {in_points(policy.threshold_e6)}, {policy.claim}, alpha {policy.alpha:g}{lower}"),
            ("p-value", in_p(report.p_value_e6)),
            ("method", f"{IN_WORDS[report.test]}, {IN_WORDS[report.interval]}"),
            ("could see", f"a gain of {report.mde_e6 / 1e4:.2g} points with 80 % power"),
        ),
        checks=report.guardrails,
    )


def of_trial(report: TrialReport) -> Outcome:
    """The outcome of all windows of a trial up to its decision."""
    policy = report.policy
    lower = ", lower scores are better" if policy.direction is Direction.LOWER else ""
    left_out = (
        (f"{report.n_returned} seen in an earlier window", report.n_returned),
        (f"{report.n_capped} beyond {policy.group_cap} of one group", report.n_capped),
    )
    return Outcome(
        verdict=report.verdict,
        reason=report.reason_on("examples"),
        delta_e6=report.delta_e6,
        low_e6=report.ci_low_e6,
        high_e6=report.ci_high_e6,
        threshold_e6=policy.threshold_e6,
        facts=(
            ("windows", f"{report.windows} of at most {policy.horizon}"),
            ("examples", f"{report.n} that count, {report.n_groups} observations"),
            ("left out", ", ".join(text for text, count in left_out if count) or "none"),
            ("gaps", ", ".join(report.gaps) or "none"),
            ("asked for", f"at least {in_points(policy.threshold_e6)}, {policy.claim}, level {policy.level:g}{lower}"),
            ("evidence", f"{report.log_e:.2f} of {report.boundary:.2f}{_first_look(report)}"),
            ("p-value", f"{in_p(report.p_value_e6)}, whenever one looks"),
        ),
    )


def _first_look(report: TrialReport) -> str:
    if report.first_p_value_e6 is None:
        return ""
    return f", or by the first window's exact test p {in_p(report.first_p_value_e6)} of {report.policy.first_error:g}"


def in_points(value_e6: int) -> str:
    """Millionths of a score as percentage points."""
    points = float(f"{value_e6 / 1e4:.4g}")
    return f"{points:g} point{'' if points == 1 else 's'}"


def in_p(value_e6: int) -> str:
    """A p-value in millionths."""
    return f"{value_e6 / MILLION:.2g}" if value_e6 else "below 0.000001"
