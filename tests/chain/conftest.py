"""A chain for each test, with the contracts and a signer that can pay."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from include.teleprompt.config.settings import Settings, Web3Config
from tests.attest.documents import SIGNER_ADDRESS
from tests.chain.anvil import Anvil
from tests.support import local_signer


@pytest.fixture
def anvil(tmp_path: Path) -> Iterator[Anvil]:
    """A node of its own; it mines a block for each transaction until it is told not to."""
    node = Anvil(tmp_path)
    node.give(SIGNER_ADDRESS)
    yield node
    node.stop()


@pytest.fixture
def chained(settings: Settings, anvil: Anvil) -> Settings:
    """Settings with a signer and the node."""
    return settings.model_copy(update={"signer": local_signer(), "web3": Web3Config(url=SecretStr(anvil.url))})
