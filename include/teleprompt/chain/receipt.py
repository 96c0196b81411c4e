"""What the chain answered."""

from enum import StrEnum

from teleprompt.chain._fees import Quote
from teleprompt.records import Record


class ChainState(StrEnum):
    """Where an attestation is."""

    DRY_RUN = "dry_run"
    """Nothing was sent; what would be is shown."""
    ON_CHAIN = "on_chain"
    REVOKED = "revoked"


class Receipt(Record):
    """The outcome of submitting one attestation to one contract."""

    adapter: str
    chain_id: int
    contract: str
    sender: str
    attestation_id: str
    attestation_hash: str
    state: ChainState
    note: str
    data: str | None = None
    """In a dry run: the call's data, as it would be sent to `contract`."""
    fee: Quote | None = None
    """In a dry run: what sending it would cost at most."""
    tx_hash: str | None = None
    block_number: int | None = None
    uid: str | None = None
    """EAS's name of the attestation."""
    reward: str | None = None
    """What the DeltaVerifier minted, or in a dry run would mint, in base units."""
