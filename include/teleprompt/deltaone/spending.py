"""How the error that a program's file allows is shared out among the looks of a year."""

from collections.abc import Sequence

from teleprompt.records import MILLION


def alpha_of_look(spent: Sequence[float], *, alpha: float, looks_a_year: int) -> float:
    """The error that the next look may make, in whole millionths of 1, after looks that `spent` theirs within a year.

    Half of `alpha` goes evenly to the looks that are planned for a year. The other half goes to the first looks, as
    1/2, 1/6, 1/12, ... of it, which sum to 1: a program that is looked at once is not judged as if it were looked at
    every week. Never more than is left of `alpha`: however many looks any 365 days hold, however they overlap and
    whatever they find, their errors sum to at most `alpha`, and so does the probability that one of them errs
    (Bonferroni's inequality). 0 where nothing is left.
    """
    look = len(spent) + 1
    planned = alpha * (1 / looks_a_year + 1 / (look * (look + 1))) / 2
    left = alpha - sum(spent)
    return max(0, int(min(planned, left + 1e-12) * MILLION)) / MILLION
