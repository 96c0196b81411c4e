"""The section `chain`: which contract an attestation is submitted to."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from teleprompt.config._section import Section
from teleprompt.encoding.addresses import checksum_address

Address = Annotated[str, AfterValidator(checksum_address)]
MAX_UINT256 = 2**256 - 1


def _uint256(value: object) -> object:
    """YAML reads a number; a text of digits is one too."""
    return int(value) if isinstance(value, str) and value.isascii() and value.isdigit() else value


class _Chain(Section):
    chain_id: int = Field(ge=1)
    """The chain that is meant; another one behind the connection is refused."""
    contract: Address
    """The contract's address."""
    conn_id: str = "teleprompt_web3"
    """Airflow connection of the node."""
    send: bool = False
    """False: a dry run, which shows what would be sent."""
    from_block: int = Field(0, ge=0)
    """The block from which to look for what was done before: the contract's own, on a long chain."""
    confirmations: int | None = Field(None, ge=1, le=120)
    """Blocks, its own counted, after which a transaction counts as confirmed. Nodes forget the state of older ones than
    128. None: when the chain itself calls the block final, and where a node does not say what is, after 12 blocks and
    three minutes."""
    finalized: bool = False
    """Wait until the chain itself calls the block final, however many confirmations it has. A nonce is given up only
    then in any case, if the chain says what is final."""
    replace_after_seconds: float = Field(180, gt=0)
    """A transaction that is in no block after so long is sent again with higher fees."""
    timeout_seconds: float = Field(1800, gt=0)
    """Give up waiting after so long; the next try goes on from there."""
    max_fee_multiple: float = Field(10, ge=1)
    """Never offer more per unit of gas than so many times the usual: twice the median base fee of the last 20 blocks
    and their median tip, at least one gwei. A recommended tip that is more times the usual one is not followed."""
    max_fee_native: float = Field(0.1, gt=0)
    """Never pay more for making one call, in the chain's own coin (ETH on Ethereum); what failed before counts."""
    max_fee_gwei: float | None = Field(None, gt=0)
    """Never offer more per unit of gas, whatever it usually costs."""

    @property
    def contracts(self) -> tuple[str, ...]:
        """All that are called."""
        return (self.contract,)


class EasConfig(_Chain):
    """The Ethereum Attestation Service."""

    adapter: Literal["eas"]
    schema_registry: Address
    """Address of its schema registry."""

    @property
    def contracts(self) -> tuple[str, ...]:
        """All that are called."""
        return (self.contract, self.schema_registry)


class DeltaVerifierConfig(_Chain):
    """The on-chain verifier that mints rewards."""

    adapter: Literal["delta_verifier"]
    model_id: Annotated[int, BeforeValidator(_uint256)] = Field(ge=0, le=MAX_UINT256)
    """The model's number in the contract's registry."""
    deadline_days: float = Field(5, gt=0, le=3660)
    """Signatures are good for so long after the request was built; an expired one is signed anew."""
    parent: Literal["head", "compared"] = "head"
    """What a contract with lineage is told that the promoted version comes from: its own `head`, which is all that it
    takes, or the version that was `compared` with, so that it refuses where that is not its head."""
    benchmark_spec_id: str | None = Field(None, min_length=1)
    """Id of the benchmark with the contract's operator; the request holds its Keccak-256. None: a digest of metric,
    test, threshold and level."""
    max_cost_usd: float = Field(0, ge=0)
    """The contract pays nothing if compiling cost more; 0: no limit."""
    held_back_to: Address | None = None
    """Gets the shares of contributors who cannot be paid; without it such an attestation is refused."""


ChainConfig = Annotated[EasConfig | DeltaVerifierConfig, Field(discriminator="adapter")]
