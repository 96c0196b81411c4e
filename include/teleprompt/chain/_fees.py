"""What a transaction offers for its gas: what recent blocks charged, within what the program allows."""

import logging
from dataclasses import dataclass

from teleprompt.errors import FeeLimitError
from teleprompt.records import Record

log = logging.getLogger(__name__)

GWEI = 10**9
COIN = 10**18
"""In wei: one ETH, or what the chain's own coin is called."""

LEAST_TIP = GWEI

RAISE = 1.125
"""Nodes take a replacement whose fees are both a tenth higher."""


class Fees(Record):
    """What a transaction offers per unit of gas, in wei."""

    max_fee: int
    priority_fee: int
    is_legacy: bool = False
    """Whether `max_fee` is the one price that a transaction from before EIP-1559 names."""


@dataclass(frozen=True)
class Market:
    """What gas costs, in wei per unit."""

    base_fee: int
    """Of the next block."""
    tip: int
    """What the node recommends."""
    usual_base_fee: int
    """The median of recent blocks."""
    median_tip: int
    """The median of recent blocks' medians; nothing where they are so quiet that nobody tips."""
    has_base_fee: bool = True
    """False on a chain of before EIP-1559: the tips are whole prices then."""

    @property
    def usual_tip(self) -> int:
        """The median, but at least what nodes ask for in any case; where nobody paid a whole price, the recommended."""
        usual = self.median_tip if self.has_base_fee or self.median_tip else self.tip
        return max(usual, LEAST_TIP)

    @property
    def usual_offer(self) -> int:
        """What a transaction offers where nothing is unusual."""
        return 2 * self.usual_base_fee + self.usual_tip


class Quote(Record):
    """What making a call costs at most and may cost; gwei per unit of gas, and the chain's own coin."""

    gas: int
    max_fee_gwei: str
    tip_gwei: str
    max_cost: str
    limit_gwei: str
    limit_set_by: str
    """The setting that the limit per unit of gas comes from."""
    limit_cost: str
    """`max_fee_native`."""

    def __str__(self) -> str:
        return (
            f"at most {self.max_cost} ETH ({self.gas} gas at up to {self.max_fee_gwei} gwei, {self.tip_gwei} of it "
            f"tip); the limits are {self.limit_gwei} gwei (`{self.limit_set_by}`) and {self.limit_cost} ETH "
            "(`max_fee_native`)"
        )


@dataclass(frozen=True)
class Limits:
    """What the program allows."""

    multiple: float = 10.0
    """Of the usual offer per unit of gas; and of the usual tip, for a recommended one to be followed."""
    native: int = COIN // 10
    """For all transactions of one call together, in wei."""
    max_fee: int | None = None
    """Per unit of gas, in wei."""

    def per_gas(self, market: Market, *, gas: int, spent: int) -> tuple[int, str]:
        """The most that a unit of gas may cost, in wei, and the setting that says so; `spent` is gone already."""
        limits = [
            (int(self.multiple * market.usual_offer), "max_fee_multiple"),
            (max(0, self.native - spent) // gas, "max_fee_native"),
            *([(self.max_fee, "max_fee_gwei")] if self.max_fee is not None else []),
        ]
        return min(limits)


def offer(market: Market, limits: Limits, *, gas: int, spent: int) -> Fees:
    """What gets a transaction into one of the next blocks: twice the base fee, and the recommended tip, within limits.

    Raises:
        FeeLimitError: the base fee alone is above the limits.
    """
    most, setting = limits.per_gas(market, gas=gas, spent=spent)
    if most < market.base_fee:
        raise FeeLimitError(
            f"{gas} gas cost {in_coins(gas * market.base_fee)} ETH now ({in_gwei(market.base_fee)} gwei each), and "
            f"`chain.{setting}` allows {in_coins(gas * most)} ETH",
            setting=setting,
        )
    fees = _within(most, market, limits)
    if fees.priority_fee < market.tip:
        log.warning(
            "The node recommends a tip of %s gwei, which the limits of `chain` do not allow; %s are offered.",
            in_gwei(market.tip), in_gwei(fees.priority_fee),
        )  # fmt: skip
    return fees


def dearer(before: Fees, market: Market, limits: Limits, *, gas: int, spent: int) -> Fees | None:
    """What replaces a transaction that offers `before`; None where the limits do not allow enough."""
    most, _ = limits.per_gas(market, gas=gas, spent=spent)
    wanted = _within(most, market, limits)
    fees = Fees(
        max_fee=max(wanted.max_fee, int(before.max_fee * RAISE) + 1),
        priority_fee=max(wanted.priority_fee, int(before.priority_fee * RAISE) + 1),
        is_legacy=before.is_legacy,
    )
    return fees if market.base_fee <= fees.max_fee <= most else None


def quote(market: Market, limits: Limits, *, gas: int) -> Quote:
    """What `offer` comes to.

    Raises:
        FeeLimitError: as `offer` does.
    """
    most, setting = limits.per_gas(market, gas=gas, spent=0)
    fees = offer(market, limits, gas=gas, spent=0)
    return Quote(
        gas=gas,
        max_fee_gwei=in_gwei(fees.max_fee),
        tip_gwei=in_gwei(fees.priority_fee),
        max_cost=in_coins(gas * fees.max_fee),
        limit_gwei=in_gwei(most),
        limit_set_by=setting,
        limit_cost=in_coins(limits.native),
    )


def in_gwei(wei: int) -> str:
    """An amount per unit of gas, for people."""
    return _decimal(wei / GWEI)


def in_coins(wei: int) -> str:
    """An amount of the chain's coin, for people."""
    return _decimal(wei / COIN)


def _within(most: int, market: Market, limits: Limits) -> Fees:
    is_excessive = market.tip > limits.multiple * market.usual_tip
    tip = min(market.usual_tip if is_excessive else market.tip, most)
    max_fee = min(2 * market.base_fee + tip, most)
    return Fees(max_fee=max_fee, priority_fee=tip, is_legacy=not market.has_base_fee)


def _decimal(value: float) -> str:
    return f"{value:.9f}".rstrip("0").rstrip(".")
