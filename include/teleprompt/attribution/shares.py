"""From what contributors brought to integer weights that sum to one million."""

from collections.abc import Sequence

from teleprompt.attribution.apportion import largest_remainder
from teleprompt.records import MILLION


def weights_of(basis: Sequence[int], *, tie_break: Sequence[str], cap_e6: int | None = None) -> list[int]:
    """Millionths in proportion to `basis`; a negative basis counts as 0.

    With a cap nobody gets more: what is above it goes to the others in proportion, until none is above (water-filling).
    A cap that is too low to hold everything is raised to an equal share.

    Raises:
        ValueError: nobody's basis is above 0.
    """
    shares = [max(0, value) for value in basis]
    if cap_e6 is None:
        return largest_remainder(MILLION, shares, tie_break=tie_break)
    cap = max(cap_e6, -(-MILLION // max(1, sum(1 for share in shares if share))))
    rest, others, full = MILLION, sum(shares), set()
    for i in sorted(range(len(shares)), key=lambda i: -shares[i]):
        if shares[i] * rest <= cap * others:
            break
        full.add(i)
        rest, others = rest - cap, others - shares[i]
    below = [0 if i in full else share for i, share in enumerate(shares)]
    parts = largest_remainder(rest, below, tie_break=tie_break)
    return [cap if i in full else part for i, part in enumerate(parts)]
