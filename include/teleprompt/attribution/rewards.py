"""What each contributor of an attestation is due of a total."""

import contextlib
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal, DecimalException, localcontext
from typing import Any

from teleprompt.attribution.apportion import largest_remainder
from teleprompt.attribution.contributors import Quarantine
from teleprompt.config.attribution import Unpayable
from teleprompt.errors import ConfigurationError
from teleprompt.records import Record, to_millionths

_AMOUNT = re.compile(r"[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?")
MAX_UNITS = 2**256
"""What a token contract can hold."""


BASIS_POINTS = 10_000


class Reward(Record):
    """What one contributor is due, in base units of the token (a string: it may exceed 2**53)."""

    contributor_id: str
    address: str | None
    """None: credited but not payable; the amount is held back, not handed to the others."""
    base_units: str


def base_units(amount: str, *, decimals: int) -> int:
    """`amount` tokens in base units, exactly.

    Raises:
        ConfigurationError: not a number, negative, beyond a uint256, or finer than the token's decimals.
    """
    scaled = None
    if _AMOUNT.fullmatch(amount):
        with localcontext(prec=len(amount) + decimals + 1), contextlib.suppress(DecimalException):
            scaled = Decimal(amount).scaleb(decimals)
    if scaled is None or not 0 <= scaled < MAX_UNITS or scaled != scaled.to_integral_value():
        raise ConfigurationError(
            f"{amount!r} is not an amount of at most {decimals} decimals; give one like 1000 or 0.5."
        )
    return int(scaled)


def reward_shares(
    contributors: Sequence[Mapping[str, Any]], total: int, *, unpayable: Unpayable = Unpayable.HOLD_BACK
) -> tuple[Reward, ...]:
    """Divide `total` base units by the contributors' weights; the parts sum to `total` exactly.

    `contributors` are those of a verified attestation, `unpayable` is what it says of those without address. Largest
    remainder, ties by address. Where nobody can be paid, all is held back. So is, always, what disputed calls
    would get: to divide it would pay whoever logs one call under another's id.
    """
    if not contributors:
        return ()
    shares = [to_millionths(c["weight"]) for c in contributors]
    if unpayable is Unpayable.SHARE:
        divided = [c["address"] is None and c.get("quarantine") == Quarantine.NO_ADDRESS for c in contributors]
        kept = [0 if gone else share for share, gone in zip(shares, divided, strict=True)]
        shares = kept if any(kept) else shares
    parts = largest_remainder(
        total,
        shares,
        tie_break=[f"{(c['address'] or '').lower()}|{c['contributor_id']}" for c in contributors],
    )
    return tuple(
        Reward(contributor_id=c["contributor_id"], address=c["address"], base_units=str(part))
        for c, part in zip(contributors, parts, strict=True)
    )


def contract_shares(weights_bps: Sequence[int], total: int) -> list[int]:
    """What the DeltaVerifier's own rule makes of `total`: each share rounded down, the dust to the first.

    Raises:
        ValueError: the weights do not sum to 10,000 basis points.
    """
    if sum(weights_bps) != BASIS_POINTS:
        raise ValueError(f"weights sum to {sum(weights_bps)} basis points, not {BASIS_POINTS}")
    parts = [total * weight // BASIS_POINTS for weight in weights_bps]
    return [parts[0] + total - sum(parts), *parts[1:]]


def format_units(units: int, *, decimals: int) -> str:
    """`units` as a plain decimal number of tokens."""
    digits = str(units).rjust(decimals + 1, "0")
    whole, fraction = digits[: len(digits) - decimals], digits[len(digits) - decimals :].rstrip("0")
    return f"{whole}.{fraction}" if fraction else whole
