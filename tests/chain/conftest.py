"""A chain for each test, with the contracts and a signer that can pay."""

import pytest
from pydantic import SecretStr

from include.teleprompt.config.settings import Settings, Web3Config
from tests.chain.anvil import Anvil
from tests.support import local_signer


@pytest.fixture
def chained(settings: Settings, anvil: Anvil) -> Settings:
    """Settings with a signer and the node."""
    return settings.model_copy(update={"signer": local_signer(), "web3": Web3Config(url=SecretStr(anvil.url))})
