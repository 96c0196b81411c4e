"""A client at an EAS of its own."""

from collections.abc import Iterator
from typing import Any

import pytest

from teleprompt.chain._context import ChainContext
from teleprompt.chain._eas import register_call
from teleprompt.chain._eas_client import EasClient
from teleprompt.config.chain import EasConfig
from teleprompt.config.settings import Settings
from tests.chain.anvil import CHAIN_ID, RICH, Anvil
from tests.chain.gateway import Gateway, gateway_to
from tests.chain.submitting import CONFIRMATIONS, MakeClient


@pytest.fixture(autouse=True)
def _quick_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A local node answers at once."""
    monkeypatch.setattr("teleprompt.chain._context.POLL_SECONDS", 0.02)


@pytest.fixture
def gateway(anvil: Anvil) -> Iterator[Gateway]:
    """Between us and the node, for tests whose `chained` names it."""
    with gateway_to(anvil) as found:
        yield found


@pytest.fixture
def make(anvil: Anvil, chained: Settings) -> MakeClient:
    """The schema is registered, and blocks come only when a test mines."""
    contract, registry = anvil.deploy_eas()
    anvil.rpc("eth_sendTransaction", {"from": RICH, "to": registry, "data": register_call(), "gas": hex(1_000_000)})
    anvil.rpc("evm_setAutomine", False)

    def made(**changes: Any) -> EasClient:
        values = {
            "adapter": "eas",
            "chain_id": CHAIN_ID,
            "contract": contract,
            "schema_registry": registry,
            "confirmations": CONFIRMATIONS,
            "timeout_seconds": 0.2,
        }
        config = EasConfig.model_validate(values | changes)
        return EasClient(ChainContext(config, chained), config)

    return made
