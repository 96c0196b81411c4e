"""Finding the best of many programs without scoring each on everything.

All are scored on the same few examples, then those still in the race on twice as many, and so on. After each rung the
probability that a program has the highest mean is estimated from the paired scores: means are taken as normal with the
sample's covariance, so that programs which fail on the same examples are told apart sooner. A program goes on while its
probability is at least `keep_above`. Compare Maron and Moore 1994 (racing) and Jamieson and Talwalkar 2016 (rungs).
"""

from collections.abc import Callable, Sequence
from typing import Any

from teleprompt.lm.meter import CallsStopped
from teleprompt.records import Record

DRAWS = 4000


class Rung(Record):
    """One round of a race."""

    examples: int
    """Examples that the programs in it were scored on by its end."""
    scored: tuple[int, ...]
    """The programs in it."""
    kept: tuple[int, ...]
    """Those that go on."""


class Race(Record):
    """How a race went; programs are numbered as they were given."""

    winner: int
    means_e6: tuple[int, ...]
    """Mean score of each program on the examples it was scored on."""
    n: tuple[int, ...]
    """Examples that each was scored on."""
    rungs: tuple[Rung, ...]
    cut_short: str | None
    """The limit that ended it before its end."""


def race(
    programs: int,
    examples: int,
    score: Callable[[int, Sequence[int]], Sequence[int]],
    *,
    first_rung: int,
    keep_above: float,
    seed: int = 0,
    on_rung: Callable[[int, int], None] = lambda _programs, _examples: None,
) -> Race:
    """Race `programs` over `examples`.

    `score(program, examples)` gives scores in millionths. The order of the examples and the draws come from `seed`. Of
    equal means the lower number wins. With `first_rung` >= `examples` all are scored on everything. `on_rung` is told
    how many programs go into a rung, and on how many examples.

    Raises:
        CallsStopped: a limit was reached before the first rung ended.
    """
    import numpy as np

    rng = np.random.default_rng(seed)
    order = [int(i) for i in rng.permutation(examples)]
    known: list[list[int]] = [[] for _ in range(programs)]
    alive = list(range(programs))
    rungs: list[Rung] = []
    cut_short = None
    size = min(first_rung, examples)
    while True:
        on_rung(len(alive), size)
        try:
            more = {i: score(i, order[len(known[i]) : size]) for i in alive}
        except CallsStopped as stopped:
            if not rungs:
                raise
            cut_short = stopped.reason
            break
        for i in alive:
            known[i].extend(more[i])
        entered = tuple(alive)
        if size < examples:
            chances = chances_to_be_best(np.array([known[i] for i in alive]), rng)
            best = max(alive, key=lambda i: (sum(known[i]), -i))
            least = min(keep_above, 0.5 / len(alive))  # of many alike none has much of a chance
            alive = [i for i, chance in zip(alive, chances, strict=True) if chance >= least or i == best]
        rungs.append(Rung(examples=size, scored=entered, kept=tuple(alive)))
        if size == examples or len(alive) == 1:
            break
        size = min(2 * size, examples)
    winner = max(alive, key=lambda i: (sum(known[i]), -i))
    return Race(
        winner=winner,
        means_e6=tuple(round(sum(scores) / len(scores)) for scores in known),
        n=tuple(len(scores) for scores in known),
        rungs=tuple(rungs),
        cut_short=cut_short,
    )


def chances_to_be_best(scores: Any, rng: Any) -> list[float]:
    """For each row of `scores` (programs x examples, paired) the probability that its mean is the highest.

    Rows that are equal so far share theirs.
    """
    import numpy as np

    programs, examples = scores.shape
    if programs == 1:
        return [1.0]
    covariance = np.cov(scores) / examples
    means = rng.multivariate_normal(scores.mean(axis=1), covariance, size=DRAWS, method="eigh", check_valid="ignore")
    means += rng.uniform(0, 1, means.shape)  # a millionth of a score, above the noise of `eigh`: ties break evenly
    wins = np.bincount(means.argmax(axis=1), minlength=programs)
    return [float(win) / DRAWS for win in wins]
