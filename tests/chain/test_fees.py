"""What a transaction may cost: relative to what recent blocks charged, and in the chain's coin."""

import logging
from typing import Any

import pytest
from pydantic import SecretStr

from teleprompt.chain._fees import COIN, GWEI, Fees, Limits, Market, dearer, offer, quote
from teleprompt.chain.receipt import ChainState
from teleprompt.config.settings import Settings, Web3Config
from teleprompt.errors import FeeLimitError
from tests.attest.documents import SIGNED, SIGNER_ADDRESS
from tests.chain.anvil import CHAIN_ID, Anvil
from tests.chain.gateway import Forward, Gateway, recommending, without_base_fee
from tests.chain.submitting import MakeClient, begin, entry, finish

GAS = 640_000


def market(*, base: float = 10, tip: float = 2, usual_base: float = 10, median_tip: float = 2) -> Market:
    """In gwei."""
    wei = [round(price * GWEI) for price in (base, tip, usual_base, median_tip)]
    return Market(base_fee=wei[0], tip=wei[1], usual_base_fee=wei[2], median_tip=wei[3])


def offered(now: Market, limits: Limits | None = None, *, gas: int = GAS, spent: int = 0) -> tuple[float, float]:
    """(max fee, tip) in gwei."""
    fees = offer(now, limits or Limits(), gas=gas, spent=spent)
    return fees.max_fee / GWEI, fees.priority_fee / GWEI


def test_twice_the_base_fee_and_the_tip_that_the_node_recommends_are_offered() -> None:
    assert offered(market()) == (22, 2)


@pytest.mark.parametrize(("recommended", "followed"), [(19, 19), (20, 20), (21, 2), (20_000, 2)])
def test_a_tip_of_many_times_the_usual_is_not_followed(recommended: float, followed: float) -> None:
    assert offered(market(tip=recommended))[1] == followed


def test_where_nobody_paid_a_price_the_recommended_one_is_usual() -> None:
    quiet = Market(base_fee=0, tip=20 * GWEI, usual_base_fee=0, median_tip=0, has_base_fee=False)
    fees = offer(quiet, Limits(), gas=GAS, spent=0)
    assert (fees.max_fee, fees.is_legacy) == (20 * GWEI, True)


def test_where_nobody_tips_one_gwei_is_usual() -> None:
    assert offered(market(base=0.01, usual_base=0.01, tip=1, median_tip=0))[1] == 1
    assert offered(market(base=0.01, usual_base=0.01, tip=50, median_tip=0))[1] == 1


@pytest.mark.parametrize(
    ("now", "limits", "setting"),
    [
        (market(base=221), Limits(native=COIN), "max_fee_multiple"),
        (market(base=200), Limits(), "max_fee_native"),
        (market(base=11), Limits(max_fee=10 * GWEI), "max_fee_gwei"),
        (market(base=20_000, usual_base=20_000), Limits(), "max_fee_native"),
    ],
)
def test_a_base_fee_above_a_limit_is_refused_by_its_name(now: Market, limits: Limits, setting: str) -> None:
    with pytest.raises(
        FeeLimitError, match=rf"nothing was sent, so try again when gas is cheaper, .*`chain.{setting}`"
    ):
        offer(now, limits, gas=GAS, spent=0)


@pytest.mark.parametrize("base", [1, 40, 100, 150])
def test_no_offer_can_cost_more_than_the_limit(base: float) -> None:
    fees = offer(market(base=base, usual_base=base), Limits(), gas=GAS, spent=0)
    assert fees.max_fee * GAS <= COIN // 10


def test_what_failed_transactions_cost_is_no_longer_there_to_spend() -> None:
    assert offered(market(), spent=COIN // 10 - 15 * GWEI * GAS) == (15, 2)
    with pytest.raises(FeeLimitError, match="max_fee_native"):
        offer(market(), Limits(), gas=GAS, spent=COIN // 10 - 9 * GWEI * GAS)


def test_a_replacement_is_an_eighth_dearer_or_there_is_none() -> None:
    before = Fees(max_fee=22 * GWEI, priority_fee=2 * GWEI)
    replacing = dearer(before, market(), Limits(), gas=GAS, spent=0)
    assert replacing is not None
    assert replacing.max_fee >= 22 * GWEI * 1.125
    assert replacing.priority_fee >= 2 * GWEI * 1.125
    assert dearer(before, market(), Limits(max_fee=24 * GWEI), gas=GAS, spent=0) is None
    assert dearer(before, market(base=60), Limits(max_fee=50 * GWEI), gas=GAS, spent=0) is None


def test_a_quote_names_amount_and_limits() -> None:
    assert str(quote(market(), Limits(), gas=500_000)) == (
        "at most 0.011 ETH (500000 gas at up to 22 gwei, 2 of it tip); "
        "the limits are 200 gwei (`max_fee_native`) and 0.1 ETH (`max_fee_native`)"
    )


@pytest.fixture
def chained(chained: Settings, gateway: Gateway) -> Settings:
    """The same, but what is asked of the node goes through the gateway."""
    return chained.model_copy(update={"web3": Web3Config(url=SecretStr(gateway.url))})


def test_a_node_that_recommends_an_absurd_tip_does_not_get_it(
    make: MakeClient, anvil: Anvil, gateway: Gateway, caplog: pytest.LogCaptureFixture
) -> None:
    gateway.lie = recommending(tip=20_000 * GWEI)
    with caplog.at_level(logging.WARNING):
        begin(make())
    assert "recommends a tip of 20000 gwei, which the limits of `chain` do not allow; 1 are offered" in caplog.text
    anvil.mine()
    paid = 100 * COIN - int(anvil.rpc("eth_getBalance", SIGNER_ADDRESS, "latest"), 16)
    assert 0 < paid < COIN // 100


def test_a_dry_run_names_what_it_would_cost_and_the_limits(make: MakeClient, gateway: Gateway) -> None:
    gateway.lie = recommending(tip=20_000 * GWEI)
    receipt = make(max_fee_native=0.05).show(SIGNED)
    assert receipt.state is ChainState.DRY_RUN
    assert receipt.fee is not None
    assert float(receipt.fee.max_cost) < 0.01
    assert receipt.fee.limit_cost == "0.05"
    assert str(receipt.fee) in receipt.note


def test_nothing_is_signed_where_gas_costs_more_than_allowed(make: MakeClient, anvil: Anvil) -> None:
    anvil.rpc("anvil_setNextBlockBaseFeePerGas", hex(20_000 * GWEI))
    anvil.mine()
    for attempt in (make().show, make().submit):
        with pytest.raises(FeeLimitError, match="ETH"):
            attempt(SIGNED)
    assert make().context.outbox(does="attest", attestation=SIGNED.attestation_hash).load() is None


def test_a_chain_without_a_base_fee_gets_a_transaction_of_its_own_kind(
    make: MakeClient, gateway: Gateway, anvil: Anvil
) -> None:
    gateway.lie = without_base_fee
    assert "would be attested" in make().show(SIGNED).note
    begin(make())
    (attempt,) = entry(make()).attempts
    sent = anvil.rpc("eth_getTransactionByHash", attempt.tx_hash)
    assert (sent["type"], sent["from"].lower()) == ("0x0", SIGNER_ADDRESS.lower())
    assert int(sent["v"], 16) in {35 + 2 * CHAIN_ID, 36 + 2 * CHAIN_ID}
    assert int(sent["gasPrice"], 16) == attempt.fees.max_fee
    begin(make(replace_after_seconds=0.001))
    prices = [each.fees.max_fee for each in entry(make()).attempts]
    assert prices[1] > 1.1 * prices[0]
    finish(make, anvil)


def test_what_blocks_without_a_base_fee_charged_limits_the_price(make: MakeClient, gateway: Gateway) -> None:
    def dear(method: str, params: list[Any], forward: Forward) -> Any:
        return hex(20_000 * GWEI) if method == "eth_gasPrice" else without_base_fee(method, params, forward)

    gateway.lie = dear
    begin(make())
    assert entry(make()).attempts[0].fees.max_fee <= 10 * GWEI


def test_fees_stay_below_the_limit_while_a_transaction_is_stuck(make: MakeClient, anvil: Anvil) -> None:
    begin(make())
    anvil.rpc("anvil_setNextBlockBaseFeePerGas", hex(500 * GWEI))
    anvil.mine()
    begin(make(replace_after_seconds=0.001))
    assert all(each.fees.max_fee * each.gas <= COIN // 10 for each in entry(make()).attempts)
