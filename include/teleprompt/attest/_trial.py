"""What the evidence of a trial must fulfil: its level, its span, and what bets on so many wins can show."""

import math
from collections.abc import Iterator

from teleprompt.attest._rules import Rule, is_within, points, span_of
from teleprompt.attest.document import Attestation
from teleprompt.attest.evidence import OfflineEvidence, TrialSection
from teleprompt.deltaone.betting import log_e
from teleprompt.deltaone.first_look import lower_bound, p_value_of_no_gain
from teleprompt.deltaone.units import add_cells, cell_width, into_cells
from teleprompt.records import MILLION, to_millionths

TRIAL_TEST = "betting_mixture"
MOST_LEVEL_E6 = MILLION // 4
"""Of all trials of a year; the k-th of them has 1 / (k (k + 1)) of it."""
MOST_DOUBLED = 1_000
"""Wins; of more, a p-value is 0 as a float."""
ROUNDING = 1e-6


def trial_rules(attestation: Attestation, evidence: OfflineEvidence) -> Iterator[Rule]:
    """What the section `trial` says of itself and of the rest of the document."""
    trial = evidence.trial
    yield (trial is None) == (evidence.test != TRIAL_TEST), "a test that adds up over windows is that of a trial"
    if trial is None:
        return
    share = _most_level_e6(trial)
    yield trial.level_e6 <= share, f"trial {trial.number} of a year has a level of at most {share / MILLION:g}"
    yield (
        trial.level_e6 <= MILLION - evidence.confidence_e6 + 1,
        "the trial's level is above the error that the confidence leaves",
    )
    yield evidence.p_value_e6 <= trial.level_e6, "p is above the trial's level"
    yield trial.windows <= evidence.n, "more windows than examples"
    start, end = span_of(trial.opened)
    yield start < end, "the opening window is empty"
    yield (
        is_within(trial.opened, attestation.optimization_metadata.date_range),
        "the opening window is no part of date_range",
    )


def _most_level_e6(trial: TrialSection) -> int:
    """Rounded up, as the stated level is."""
    return -(-MOST_LEVEL_E6 // (trial.number * (trial.number + 1)))


def betting_rules(evidence: OfflineEvidence) -> Iterator[Rule]:
    """Whether units with so many wins and this mean can have brought the wealth that p and the lower end stand for.

    In a window before the last the mean, and with it the lower end, was below the threshold, or it would have decided.
    So only a lower end of at least the threshold, or that of a single window, is known to be of all units.
    """
    trial, wins = evidence.trial, evidence.wins
    assert trial is not None  # noqa: S101 - `trial_rules` has checked it
    # A win multiplies the wealth by 1.8 at most (the largest bet is 0.8). Of the exact test of the opening window the
    # least p-values are those without a loss; computed for up to 1,000 pairs they are above 2 ** -(wins + 1.5).
    least = 0.5 ** (min(wins, MOST_DOUBLED) + 2)
    if trial.windows == 1:
        least = max(least, min(math.exp(-_most_log_e(evidence, null_e6=0)), _first_p_value(evidence)))
    yield evidence.p_value_e6 + 1 >= to_millionths(least), f"so small a p does not come of {wins} wins"
    if trial.windows > 1 and evidence.ci_low_e6 < evidence.threshold_e6:
        return
    level = trial.level_e6 / MILLION
    reached = _most_log_e(evidence, null_e6=evidence.ci_low_e6 - 1) >= -math.log(level) - ROUNDING
    yield (
        reached or (trial.windows == 1 and evidence.ci_low_e6 <= _first_bound_e6(evidence, level)),
        f"{wins} wins do not show a gain of at least {points(evidence.ci_low_e6)}",
    )


def _most_log_e(evidence: OfflineEvidence, *, null_e6: int) -> float:
    """The most that bets against a mean of `null_e6` can have won in the end, as a natural logarithm.

    The logarithm is concave, also where it is interpolated between cells: of all ways to reach the mean with so many
    wins, equal wins and nothing lost bring most.
    """
    units = evidence.n_groups
    won = min(evidence.wins, units)
    each_e6 = min(MILLION, -(-evidence.delta_e6 * units // won))
    cells = add_cells((), into_cells([(each_e6, won), (0, units - won)], unit=1))
    return log_e([weight / cell_width(1) for weight in cells], null_e6=null_e6)


def _first_p_value(evidence: OfflineEvidence) -> float:
    """Of the exact test of an opening window, which is of single examples that are right or wrong."""
    if evidence.n_groups != evidence.n:
        return 1.0
    return p_value_of_no_gain(wins=evidence.wins, losses=evidence.losses, pairs=evidence.n)


def _first_bound_e6(evidence: OfflineEvidence, level: float) -> int:
    if evidence.n_groups != evidence.n:
        return -MILLION
    bound = lower_bound(wins=evidence.wins, losses=evidence.losses, pairs=evidence.n, error=level)
    return max(1, math.floor(bound * MILLION))
