"""Whether calls of two versions were given out by chance, so that their outcomes can be compared.

A version that answers a share of the keys is compared with the one that answers the others as in a randomised trial.
That holds only if each call names its key, if each key has stayed with one version, and if as many keys went to each as
the share says. A sample ratio that chance does not explain is the best known sign of a trial that is broken (Fabijan et
al. 2019, "Diagnosing Sample Ratio Mismatch in Online Controlled Experiments").
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

UNLIKELY = 0.001
"""From here on chance does not explain how the keys were given out; small, for every look asks again."""

MOST_IN_BOTH = 0.01
"""Share of the keys that both versions may have answered: serving processes learn of a challenger within seconds."""

ALWAYS_BORNE_IN_BOTH = 3
"""So many may in any case: a single key of a small trial is more than a hundredth, and stays in it for good."""


class Doubt(StrEnum):
    """Why outcomes of calls decide nothing."""

    KEYS_NOT_LOGGED = "keys_not_logged"
    """Calls lack the `group`, so nobody can tell which belong together."""
    SHARE_CHANGED = "share_changed"
    """Keys went from one version to the other, or were given out in another ratio later on."""
    SAMPLE_RATIO = "sample_ratio"
    """One version answered more keys than its share allows by chance."""
    SILENCE_DIFFERS = "silence_differs"
    """One version's calls lack outcomes more often: what is there cannot be compared."""

    @property
    def in_words(self) -> str:
        """With what to do."""
        return _IN_WORDS[self]


_IN_WORDS = {
    Doubt.KEYS_NOT_LOGGED: "calls name no key; log the key of `choose_version` as `group` with each",
    Doubt.SHARE_CHANGED: "the share of the keys changed meanwhile; leave it as it was when the challenger began",
    Doubt.SAMPLE_RATIO: "the keys are not divided as the share says; let `choose_version` alone decide who answers",
    Doubt.SILENCE_DIFFERS: "outcomes are missing unequally",
}


@dataclass(frozen=True, slots=True)
class ObservedCall:
    """A mature call in production."""

    key: str | None
    """Whose call it was; None where that was not logged."""
    score_e6: int | None
    """Its outcome as a score in millionths; None where none came. That is not 0."""
    started_at_ms: int = 0


def doubts_about_assignment(
    baseline: Sequence[ObservedCall], optimized: Sequence[ObservedCall], *, share: float
) -> tuple[Doubt, ...]:
    """What speaks against a random assignment of the keys, of which `optimized` was to get `share`."""
    if any(call.key is None for call in (*baseline, *optimized)):
        return (Doubt.KEYS_NOT_LOGGED,)
    first, in_both = _first_calls(baseline, optimized)
    if not first:
        return ()
    doubts = []
    if in_both > max(ALWAYS_BORNE_IN_BOTH, MOST_IN_BOTH * len(first)) or _ratio_changed(first):
        doubts.append(Doubt.SHARE_CHANGED)
    if _binomial_p_value(sum(took for _, took in first), len(first), share) < UNLIKELY:
        doubts.append(Doubt.SAMPLE_RATIO)
    return tuple(doubts)


def _first_calls(
    baseline: Sequence[ObservedCall], optimized: Sequence[ObservedCall]
) -> tuple[list[tuple[int, bool]], int]:
    """For each key when it first came and whether to `optimized`, in time; and how many keys came to both."""
    arms: tuple[dict[str | None, int], dict[str | None, int]] = ({}, {})
    for arm, calls in zip(arms, (baseline, optimized), strict=True):
        for call in calls:
            arm[call.key] = min(call.started_at_ms, arm.get(call.key, call.started_at_ms))
    before, after = arms
    both = before.keys() & after.keys()
    found = [(at, False) for key, at in before.items() if key not in both]
    found += [(at, True) for key, at in after.items() if key not in both]
    return sorted(found), len(both)


def _ratio_changed(first: Sequence[tuple[int, bool]]) -> bool:
    """Whether the keys of the later half of the time were given out in another ratio than those before."""
    from scipy.stats import fisher_exact

    middle = (first[0][0] + first[-1][0]) / 2
    halves = [[took for at, took in first if (at > middle) is later] for later in (False, True)]
    table = [[sum(half), len(half) - sum(half)] for half in halves]
    return all(halves) and float(fisher_exact(table).pvalue) < UNLIKELY


def _binomial_p_value(successes: int, trials: int, rate: float) -> float:
    from scipy.stats import binomtest

    return float(binomtest(successes, trials, rate).pvalue)
