"""From a program's `chain` section to what submits for it."""

from typing import Protocol

from teleprompt.attest.document import Attestation
from teleprompt.chain._delta_verifier_desk import DeltaVerifierDesk
from teleprompt.chain._desk import Desk
from teleprompt.chain._eas_desk import EasDesk
from teleprompt.chain.receipt import Receipt
from teleprompt.config.chain import DeltaVerifierConfig, EasConfig
from teleprompt.config.settings import Settings


class ChainDesk(Protocol):
    """What every contract can be asked for.

    Raises, from each method:
        ChainUnavailableError: the node does not answer.
        TelepromptError: the contract refuses.
    """

    def show(self, attestation: Attestation) -> Receipt:
        """What would be sent; nothing is."""

    def submit(self, attestation: Attestation) -> Receipt:
        """Send it, once, and wait until it is there to stay."""

    def read(self, attestation: Attestation) -> Receipt | None:
        """What the contract holds; None if nothing."""


def open_desk(
    config: EasConfig | DeltaVerifierConfig, settings: Settings, *, actual_cost_usd_micro: int = 0
) -> ChainDesk:
    """The desk for one program."""
    desk = Desk(config, settings)
    match config:
        case EasConfig():
            return EasDesk(desk, config)
        case DeltaVerifierConfig():
            return DeltaVerifierDesk(desk, config, actual_cost_usd_micro)
