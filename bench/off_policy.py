"""How often `decide_off_policy` is right, and how far its estimates lie from the truth, in worlds whose truth is known.

In worlds without a difference every promotion is an error, of which 2.5 % are allowed, and so is every rejection. Where
overlap is missing, or propensities are not those by which answers were drawn, nothing should be decided.
"""

import argparse
import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, pstdev

import numpy as np

from bench.off_policy_worlds import World, adversarial_worlds, equal, note_worlds
from teleprompt.deltaone.off_policy_report import OffPolicyReport
from teleprompt.deltaone.report import Verdict
from teleprompt.production import ExploredCall, OffPolicyPolicy, decide_off_policy
from teleprompt.records import MILLION

POLICY = OffPolicyPolicy()


@dataclass(frozen=True)
class Measured:
    """Worlds of one kind; differences in points."""

    worlds: int
    truth: float
    agreement: float
    """What agreement with logged answers that turned out well says."""
    ips: float
    """Mean of the plain estimate by inverse propensities."""
    ips_error: float
    robust: float
    """Of the doubly robust one."""
    robust_error: float
    covered: float
    """Share of its intervals that hold the truth, of those worlds in which something may be decided."""
    promotes: float
    rejects: float
    blocks: float
    blocked_by: str

    def __str__(self) -> str:
        rates = " | ".join(f"{100 * rate:.1f} %" for rate in (self.covered, self.promotes, self.rejects, self.blocks))
        figures = f"{self.ips:+.1f} ± {self.ips_error:.1f} | {self.robust:+.1f} ± {self.robust_error:.1f}"
        return f"{self.truth:+.1f} | {self.agreement:+.1f} | {figures} | {rates} | {self.blocked_by}"


def measure(world: World, *, worlds: int, policy: OffPolicyPolicy = POLICY, seed: int = 1) -> Measured:
    """So many worlds of one kind."""
    rng = np.random.default_rng(seed)
    truths, plain, agreed, reports = [], [], [], []
    for _ in range(worlds):
        calls, truth = world.draw(rng)
        truths.append(truth)
        plain.append(inverse_propensity(calls))
        agreed.append(agreement(calls))
        reports.append(decide_off_policy(calls, policy))
    open_to_decide = [(r, truth) for r, truth in zip(reports, truths, strict=True) if r.blocked is None]
    inside = [r.ci_low_e6 <= truth * MILLION <= r.ci_high_e6 for r, truth in open_to_decide]
    robust = [100 * report.delta_e6 / MILLION for report in reports]
    return Measured(
        worlds,
        truth=100 * fmean(truths),
        agreement=100 * fmean(agreed),
        ips=100 * float(np.mean(plain)),
        ips_error=100 * float(np.std(plain)),
        robust=fmean(robust),
        robust_error=pstdev(robust),
        covered=fmean(inside) if inside else math.nan,
        promotes=_rate(reports, Verdict.PROMOTE),
        rejects=_rate(reports, Verdict.REJECT),
        blocks=fmean(report.blocked is not None for report in reports),
        blocked_by=", ".join(sorted({r.blocked.split(":")[0] for r in reports if r.blocked})),
    )


def inverse_propensity(calls: Sequence[ExploredCall]) -> float:
    """The plain estimate of Horvitz and Thompson (1952), in scores; NaN where a propensity is missing or 0."""
    if any(not call.propensity for call in calls):
        return math.nan
    gains = [
        ((call.answer == call.candidate) - (call.answer == call.champion)) * (call.outcome or 0) / call.propensity
        for call in calls
        if call.propensity
    ]
    return fmean(gains)


def agreement(calls: Sequence[ExploredCall]) -> float:
    """By how much more the candidate's answers agree with those that turned out well than the champion's do."""
    good = [call for call in calls if call.outcome]
    return fmean((call.answer == call.candidate) - (call.answer == call.champion) for call in good)


def _rate(reports: Sequence[OffPolicyReport], verdict: Verdict) -> float:
    return fmean(report.verdict is verdict for report in reports)


def main() -> None:
    """Measure all worlds, and print a line of each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--worlds", type=int, default=400)
    worlds = parser.parse_args().worlds
    print("world | truth | agreement | IPS | doubly robust | covered | promoted | rejected | not decided | by")
    for world in note_worlds():
        print(world.name, "|", measure(world, worlds=worlds), flush=True)
        print("  the same without a difference |", measure(equal(world), worlds=worlds), flush=True)
    for world in adversarial_worlds():
        print(world.name, "|", measure(world, worlds=worlds), flush=True)


if __name__ == "__main__":
    main()
