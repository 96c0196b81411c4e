"""Many programs at once: how many of their promotions may have no gain, and which hold together.

An e-value is evidence against "this candidate has no gain": without one its mean is at most 1, at whatever window its
trial stopped. e-BH (Wang and Ramdas 2022) selects the k largest of a family of m where each of them is at least
m / (k fdr); of what it selects a share of at most `fdr` has no gain, however the trials depend on each other.
"""

import math
from collections.abc import Sequence

from teleprompt.deltaone.trial_report import TrialReport
from teleprompt.records import MILLION


def e_value(report: TrialReport) -> float:
    """The evidence of a trial where it stopped, or stands.

    The opening window's p-value becomes an e-value by 1 / (2 sqrt(p)), which is at most 1 on average for a p-value
    (Vovk and Wang 2021), and counts with the share of the level that its test has.
    """
    share = report.policy.first_look_share
    by_bets = (1 - share) * math.exp(min(report.log_e, 700.0))
    if report.first_p_value_e6 is None:
        return by_bets
    return by_bets + share / (2 * math.sqrt(max(1, report.first_p_value_e6) / MILLION))


def e_bh(e_values: Sequence[float], *, fdr: float, family: int) -> list[bool]:
    """Which of the e-values of a family of so many hypotheses are selected; those that are not given are 0."""
    ranked = sorted(e_values, reverse=True)
    count = max((k for k, e in enumerate(ranked, 1) if e * k * fdr >= family), default=0)
    return [count > 0 and e * count * fdr >= family for e in e_values]


def level_in_fleet(*, fdr: float, family: int, promoted: int) -> float:
    """The level at which a trial's promotion keeps e-BH's promise, after so many promotions of the family.

    Its e-value is then at least family / (fdr (promoted + 1)). Later promotions only lower what is asked for, so all of
    them together are among what e-BH selects.
    """
    return fdr * (promoted + 1) / family
