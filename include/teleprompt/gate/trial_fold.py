"""From the scores of a trial's windows to its verdict: a pure function of the set of windows."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from teleprompt.config.gate import Guardrail
from teleprompt.config.trial import Returning
from teleprompt.deltaone.guardrails import YearSoFar, check_guardrails, check_over_the_year
from teleprompt.deltaone.paired import effective_sd
from teleprompt.deltaone.report import GatePolicy, GateReport, GuardrailCheck, Verdict
from teleprompt.deltaone.scores import ScoredAnswer
from teleprompt.deltaone.trial import Trial
from teleprompt.deltaone.trial_policy import TrialPolicy
from teleprompt.deltaone.trial_power import detectable_gain_e6
from teleprompt.deltaone.trial_report import Rejection, TrialReport
from teleprompt.records import MILLION, Record, to_millionths
from teleprompt.window import Window

TEST, INTERVAL = "betting_mixture", "confidence_sequence"


class ExploredAnswer(Record):
    """What chance gave to one example, and what came of it; answers are numbers that mean nothing elsewhere."""

    given: int
    champion: int
    candidate: int
    propensity_e6: int | None
    """Probability of what was given; None where it was not logged."""
    outcome_e6: int


class ComparedAnswer(Record):
    """The scores of both answers to one example."""

    trace_id: str
    unit: str
    """Name of the group of dependent examples that it belongs to."""
    keys: tuple[str, ...] = ()
    """What it may share with examples of other windows, in a trial; then it is of their unit, too."""
    baseline: ScoredAnswer
    optimized: ScoredAnswer
    explored: ExploredAnswer | None = None
    """Where the outcome of both answers is estimated; None where they are compared by their scores."""

    @property
    def change_e6(self) -> int:
        """What the optimized program gained, in millionths."""
        return self.optimized.score_e6 - self.baseline.score_e6


@dataclass(frozen=True)
class WindowScores:
    """What a window brought to a trial."""

    window: Window
    answers: Sequence[ComparedAnswer]


def fold(
    windows: Iterable[WindowScores],
    policy: TrialPolicy,
    guardrails: Sequence[Guardrail],
    *,
    year: Mapping[str, YearSoFar] | None = None,
) -> GateReport:
    """What the windows show together, in whatever order they come.

    Each example counts once, in the first window that has it. Guardrails are judged over all windows, when the trial
    would promote; against the champion, and with the `year`'s changes against the version before them.
    """
    counted = _that_count(windows, policy)
    trial = Trial(policy)
    for window in counted:
        if not window.answers:
            continue
        trial = trial.add(
            [answer.baseline.score_e6 for answer in window.answers],
            [answer.optimized.score_e6 for answer in window.answers],
            [answer.unit for answer in window.answers],
            window=window.window,
        )
    report = _as_folded(trial.report, counted)
    used = _answers_until(report, counted)
    checks = check_guardrails(guardrails, [a.baseline for a in used], [a.optimized for a in used]) if used else ()
    checks += check_over_the_year(guardrails, checks, year or {}) if used else ()
    return _as_gate_report(_guarded(report, checks), used, checks)


def counts_in(windows: Iterable[WindowScores], policy: TrialPolicy, report: TrialReport) -> list[ComparedAnswer]:
    """The answers that the verdict of `fold` rests on."""
    return _answers_until(report, _that_count(windows, policy))


@dataclass(frozen=True)
class _Counted:
    """What counts of a window."""

    window: Window
    answers: list[ComparedAnswer]
    returned: int
    """Answers that do not, for their unit was there before."""


def _that_count(windows: Iterable[WindowScores], policy: TrialPolicy) -> list[_Counted]:
    """The windows in order, each once; an example counts in the first that has it, a unit in the first that has it.

    A unit is known again by its name and by all that its examples share with others.
    """
    found: list[_Counted] = []
    traces: set[str] = set()
    units: set[str] = set()
    for scored in sorted(windows, key=lambda scored: (scored.window.start_ms, scored.window.end_ms)):
        if found and found[-1].window == scored.window:  # scored by two runs: the first record stands
            continue
        fresh = [answer for answer in scored.answers if answer.trace_id not in traces]
        traces.update(answer.trace_id for answer in fresh)
        back = set()
        if policy.returning is Returning.LEFT_OUT:
            back = {answer.unit for answer in fresh if not units.isdisjoint((answer.unit, *answer.keys))}
        counting = [answer for answer in fresh if answer.unit not in back]
        for answer in fresh:
            units.update((answer.unit, *answer.keys))
        found.append(_Counted(scored.window, counting, len(fresh) - len(counting)))
    return found


def _as_folded(report: TrialReport, counted: Sequence[_Counted]) -> TrialReport:
    """With what the trial was not told of: examples that returned, and windows without one that counts."""
    until = _last_window(report, counted) if report.decided else None
    returned = sum(window.returned for window in counted if until is None or window.window.start <= until.start)
    expired = report.verdict is Verdict.INCONCLUSIVE and len(counted) >= report.policy.horizon
    return report.model_copy(update={"n_returned": returned, "expired": expired})


def _answers_until(report: TrialReport, counted: Sequence[_Counted]) -> list[ComparedAnswer]:
    until = _last_window(report, counted)
    if until is None:
        return []
    own = [window for window in counted if (window.window.start, window.window.end) <= (until.start, until.end)]
    return [answer for window in own for answer in window.answers]


def _last_window(report: TrialReport, counted: Sequence[_Counted]) -> Window | None:
    """The last window that the report rests on."""
    if not report.path:
        return None
    return next(window.window for window in counted if str(window.window) == report.path[-1].window)


def _guarded(report: TrialReport, checks: Sequence[GuardrailCheck]) -> TrialReport:
    if report.verdict is not Verdict.PROMOTE or all(check.holds for check in checks):
        return report
    return report.model_copy(update={"verdict": Verdict.REJECT, "rejected_for": Rejection.GUARDRAIL})


def _as_gate_report(
    report: TrialReport, used: Sequence[ComparedAnswer], checks: tuple[GuardrailCheck, ...]
) -> GateReport:
    policy = report.policy
    gains = [answer.change_e6 for answer in used]
    units = [answer.unit for answer in used]
    sd_e6 = to_millionths(effective_sd(gains, units)) if used else 0
    baseline_e6 = _mean_of_units_e6(used, report)
    return GateReport(
        verdict=report.verdict,
        evidence=report.evidence,
        policy=GatePolicy(
            threshold_e6=policy.threshold_e6, claim=policy.claim, alpha=round(policy.level + policy.harm_level, 9)
        ),
        n=report.n,
        n_groups=report.n_groups,
        baseline_e6=baseline_e6,
        optimized_e6=baseline_e6 + report.delta_e6,
        delta_e6=report.delta_e6,
        ci_low_e6=report.ci_low_e6,
        ci_high_e6=report.ci_high_e6,
        p_value_e6=report.p_value_e6,
        test=TEST,
        interval=INTERVAL,
        wins=sum(gain > 0 for gain in gains),
        losses=sum(gain < 0 for gain in gains),
        ties=sum(gain == 0 for gain in gains),
        sd_e6=sd_e6,
        mde_e6=detectable_gain_e6(n=report.n_groups, sd_e6=sd_e6, policy=policy) if used else MILLION,
        examples_needed=0,
        guardrails=checks,
        trial=report,
    )


def _mean_of_units_e6(used: Sequence[ComparedAnswer], report: TrialReport) -> int:
    """The baseline's mean, each unit with that of its examples, such that the gain on top of it is at most 1."""
    if not used:
        return 0
    sums: dict[str, tuple[int, int]] = {}
    for answer in used:
        total, size = sums.get(answer.unit, (0, 0))
        sums[answer.unit] = total + answer.baseline.score_e6, size + 1
    mean = sum((Fraction(total, size) for total, size in sums.values()), Fraction(0)) / len(sums)
    return min(max(round(mean), -report.delta_e6), MILLION - report.delta_e6)
