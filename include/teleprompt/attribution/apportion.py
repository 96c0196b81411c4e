"""Dividing an integer fairly."""

from collections.abc import Sequence


def largest_remainder(total: int, shares: Sequence[int], *, tie_break: Sequence[str]) -> list[int]:
    """Divide `total` in proportion to `shares` (Hamilton's method): integers that sum to `total` exactly.

    What flooring leaves goes, one each, to the largest remainders; of equal ones to the smaller `tie_break`.

    Raises:
        ValueError: `total` or a share is negative, or all shares are 0.
    """
    whole = sum(shares)
    if total < 0 or whole <= 0 or any(share < 0 for share in shares):
        raise ValueError("total and shares must not be negative, and one share must be above 0")
    parts = [total * share // whole for share in shares]
    order = sorted(range(len(shares)), key=lambda i: (-(total * shares[i] % whole), tie_break[i]))
    for i in order[: total - sum(parts)]:
        parts[i] += 1
    return parts
