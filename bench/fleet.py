"""A year of a fleet: 200 programs on trial, of which 40 have a gain of five points, at 64 sealed examples a week.

Each at its own level, and at that which keeps a false discovery rate of 5 % over all of them together. The openings
are spread over the first half of the year, as programs are added; each promotion lowers what is asked of the next.
"""

import argparse
from dataclasses import dataclass, field

import numpy as np

from bench.trial_worlds import binary
from bench.trials import WINDOWS, scores
from teleprompt.deltaone import Trial, TrialPolicy
from teleprompt.deltaone.fleet import e_bh, e_value, level_in_fleet
from teleprompt.deltaone.report import Verdict

PROGRAMS, WITH_A_GAIN, FDR, HALF_A_YEAR = 200, 40, 0.05, 26
OWN = TrialPolicy(level=TrialPolicy().level / 2)
"""Of the first trial of a year."""


@dataclass
class Year:
    """What a fleet's year came to."""

    found: list[int] = field(default_factory=list)
    """Weeks that the trials of true gains took."""
    false: int = 0
    evidence: list[float] = field(default_factory=list)
    """Of the promotions."""
    false_evidence: list[float] = field(default_factory=list)


def a_year(seed: int, *, fleet: bool) -> Year:
    """Of the same programs and weeks, whoever judges."""
    year = Year()
    programs = [_Program(seed, number, gain=number % 5 == 0) for number in range(PROGRAMS)]
    for week in range(52):
        for program in programs:
            promoted = len(year.found) + year.false
            policy = OWN
            if fleet:
                level = min(OWN.level, level_in_fleet(fdr=FDR, family=PROGRAMS, promoted=promoted))
                policy = TrialPolicy(level=level, first_look_share=0)
            evidence = program.look(week, policy)
            if evidence is None:
                continue
            (year.evidence if program.gain else year.false_evidence).append(evidence)
            if program.gain:
                year.found.append(week - program.opens + 1)
            else:
                year.false += 1
    return year


class _Program:
    def __init__(self, seed: int, number: int, *, gain: bool) -> None:
        rng = np.random.default_rng([seed, number])
        self.gain = gain
        self.opens = int(rng.integers(0, HALF_A_YEAR))
        self._weeks = list(binary(64, 0.05 if gain else 0.0)(rng))
        self._trial: Trial | None = None

    def look(self, week: int, policy: TrialPolicy) -> float | None:
        """The evidence of a promotion in this week; the policy is that of the opening."""
        if week < self.opens or (self._trial is not None and self._trial.report.decided):
            return None
        own = self._weeks[week]
        self._trial = (self._trial or Trial(policy)).add(*scores(own.gains), own.units, window=WINDOWS[week])
        report = self._trial.report
        return e_value(report) if report.verdict is Verdict.PROMOTE else None


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--years", type=int, default=40)
    years = parser.parse_args().years
    print(f"\n{years} years of {PROGRAMS} programs, of which {WITH_A_GAIN} have a gain of 5 points; per year\n")
    print(f"{'':<34}{'found':>8}{'weeks':>8}{'false':>8}{'of them':>9}{'e-BH keeps':>12}{'false':>8}")
    for name, fleet in (("each at its own level", False), (f"the fleet at {FDR:.0%}", True)):
        found = [a_year(seed, fleet=fleet) for seed in range(years)]
        kept = [e_bh([*year.evidence, *year.false_evidence], fdr=FDR, family=PROGRAMS) for year in found]
        shares = [year.false / max(1, year.false + len(year.found)) for year in found]
        weeks = [weeks for year in found for weeks in year.found]
        false = np.mean([sum(keeps[len(year.evidence) :]) for keeps, year in zip(kept, found, strict=True)])
        print(
            f"{name:<34}{np.mean([len(year.found) for year in found]):>8.1f}{np.mean(weeks):>8.1f}"
            f"{np.mean([year.false for year in found]):>8.2f}{np.mean(shares):>9.1%}"
            f"{np.mean([sum(keeps) for keeps in kept]):>12.1f}{false:>8.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
