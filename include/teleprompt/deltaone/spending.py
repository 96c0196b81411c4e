"""How the error that a program's file allows is shared out among the looks of a year."""

from include.teleprompt.records import MILLION


def alpha_of_look(look: int, *, alpha: float, looks_a_year: int) -> float:
    """The error that look number `look` (from 1) may make, in whole millionths of 1.

    Half of `alpha` goes evenly to the looks that are planned for a year. The other half goes to the first looks, as
    1/2, 1/6, 1/12, ... of it, which sum to 1: a program that is looked at once is not judged as if it were looked at
    every week. However many looks there are, however they overlap and whatever they find, their sum is at most
    `alpha`, and so is the probability that any of them errs (Bonferroni's inequality).
    """
    if look < 1 or looks_a_year < 1:
        raise ValueError("looks are counted from 1")
    early = 1 / (look * (look + 1))
    even = 1 / looks_a_year if look <= looks_a_year else 0.0
    return max(1, int(alpha * (early + even) / 2 * MILLION)) / MILLION
