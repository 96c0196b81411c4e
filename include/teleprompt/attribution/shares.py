"""From what contributors brought to integer weights that sum to one million."""

from collections.abc import Sequence

from include.teleprompt.attribution.apportion import largest_remainder
from include.teleprompt.records import MILLION


def weights_of(basis: Sequence[int], *, tie_break: Sequence[str], cap_e6: int | None = None) -> list[int]:
    """Millionths in proportion to `basis`; a negative basis counts as 0.

    With a cap nobody gets more: what is above it goes to the others in proportion, again and again until none is above
    (water-filling). A cap that is too low to hold everything is raised to an equal share.

    Raises:
        ValueError: nobody's basis is above 0.
    """
    shares = [max(0, value) for value in basis]
    if cap_e6 is None:
        return largest_remainder(MILLION, shares, tie_break=tie_break)
    cap = max(cap_e6, -(-MILLION // max(1, sum(1 for share in shares if share))))
    weights = largest_remainder(MILLION, shares, tie_break=tie_break)
    full: set[int] = set()
    while above := {i for i, weight in enumerate(weights) if weight > cap}:
        full |= above
        others = [0 if i in full else share for i, share in enumerate(shares)]
        rest = largest_remainder(MILLION - cap * len(full), others, tie_break=tie_break) if any(others) else others
        weights = [cap if i in full else weight for i, weight in enumerate(rest)]
    short = MILLION - sum(weights)  # an equal share was rounded up, and all are full
    if short:
        for i in sorted(full, key=lambda i: tie_break[i], reverse=True)[: abs(short)]:
            weights[i] += 1 if short > 0 else -1
    return weights
