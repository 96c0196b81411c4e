"""From a program's `chain` section to what submits for it."""

from typing import Protocol

from teleprompt.attest.document import Attestation
from teleprompt.chain._context import ChainContext
from teleprompt.chain._delta_verifier_client import DeltaVerifierClient
from teleprompt.chain._eas_client import EasClient
from teleprompt.chain.receipt import Receipt
from teleprompt.config.chain import DeltaVerifierConfig, EasConfig
from teleprompt.config.settings import Settings


class ChainClient(Protocol):
    """What every contract can be asked for.

    Raises, from each method:
        ChainUnavailableError: the node does not answer.
        TelepromptError: the contract refuses.
    """

    def show(self, attestation: Attestation) -> Receipt:
        """What would be sent; nothing is."""

    def submit(self, attestation: Attestation) -> Receipt:
        """Send it, once, and wait until it is confirmed."""

    def read(self, attestation: Attestation) -> Receipt | None:
        """What the contract holds; None if nothing."""


def open_client(
    config: EasConfig | DeltaVerifierConfig, settings: Settings, *, actual_cost_usd_micro: int = 0
) -> ChainClient:
    """The client for one program's contract."""
    context = ChainContext(config, settings)
    match config:
        case EasConfig():
            return EasClient(context, config)
        case DeltaVerifierConfig():
            return DeltaVerifierClient(context, config, actual_cost_usd_micro)
