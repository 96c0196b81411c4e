"""What a submission needs: the node, the signers, the outbox."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from teleprompt.attest.document import Attestation
from teleprompt.chain._confirmation import Confirmation
from teleprompt.chain._fees import COIN, GWEI, Limits, Quote
from teleprompt.chain._sender import Policy, Sender
from teleprompt.chain.node import Node
from teleprompt.chain.outbox import Call, Outbox
from teleprompt.chain.receipt import ChainState, Receipt
from teleprompt.config.chain import DeltaVerifierConfig, EasConfig
from teleprompt.config.settings import Settings
from teleprompt.encoding.canonical_json import digest_of
from teleprompt.errors import ConfigurationError
from teleprompt.registry.lock import Lease, registry_lock
from teleprompt.signing.signer import Signer, open_signer
from teleprompt.tracking.connection import mlflow_client

POLL_SECONDS = 3.0
"""Between two looks at the chain."""


@dataclass(frozen=True)
class ChainContext:
    """One program's contract in one environment.

    Raises:
        ConfigurationError: there is no node or no signer.
    """

    config: EasConfig | DeltaVerifierConfig
    settings: Settings

    @cached_property
    def node(self) -> Node:
        """The node that the settings name."""
        if self.settings.web3 is None:
            raise ConfigurationError(
                f"There is no node for chain {self.config.chain_id}; add the connection `{self.config.conn_id}`, or "
                "set TELEPROMPT_WEB3__URL."
            )
        return Node(self.settings.web3.url.get_secret_value(), chain_id=self.config.chain_id)

    @cached_property
    def signers(self) -> tuple[Signer, ...]:
        """All who attest, in ascending order of their addresses."""
        return tuple(
            sorted((open_signer(signer) for signer in self.settings.signers), key=lambda signer: signer.address.lower())
        )

    @cached_property
    def payer(self) -> Signer:
        """Who sends the transactions, and pays for them."""
        config = self.settings.payer or self.settings.signer
        if config is None:
            raise ConfigurationError(
                "Nobody can sign a transaction; add the connection `teleprompt_payer` or `teleprompt_signer`, or set "
                "TELEPROMPT_SIGNER__KEYSTORE and TELEPROMPT_SIGNER__PASSWORD."
            )
        return open_signer(config)

    @property
    def sender(self) -> Sender:
        """Sends for the payer."""
        config = self.config
        return Sender(
            node=self.node,
            signer=self.payer,
            policy=Policy(
                confirmation=Confirmation(blocks=config.confirmations, finalized=config.finalized),
                replace_after_seconds=config.replace_after_seconds,
                timeout_seconds=config.timeout_seconds,
                poll_seconds=POLL_SECONDS,
                limits=Limits(
                    multiple=config.max_fee_multiple,
                    native=round(config.max_fee_native * COIN),
                    max_fee=None if config.max_fee_gwei is None else round(config.max_fee_gwei * GWEI),
                ),
            ),
            lock=self._nonce_lock(),
        )

    def outbox(self, **what: Any) -> Outbox:
        """The entry of what is to be done once, on this chain and contract."""
        key = {"chain_id": self.config.chain_id, "contract": self.config.contract, **what}
        return Outbox(self.settings.storage_uri, digest_of(key))

    def receipt(self, attestation: Attestation, state: ChainState, note: str, **more: str | int | Quote) -> Receipt:
        """What is said of a document and this contract."""
        return Receipt.model_validate(
            {
                "adapter": self.config.adapter,
                "chain_id": self.config.chain_id,
                "contract": self.config.contract,
                "sender": self.payer.address,
                "attestation_id": attestation.attestation_id,
                "attestation_hash": attestation.attestation_hash,
                "state": state,
                "note": note,
                **more,
            }
        )

    def call(self, to: str, data: str) -> Call:
        """A call by the payer."""
        return Call(chain_id=self.config.chain_id, sender=self.payer.address, to=to, data=data)

    def _nonce_lock(self) -> Callable[[], AbstractContextManager[Lease]]:
        """One taker of nonces for the payer's key, wherever the processes run."""
        name = f"signer-{self.config.chain_id}-{self.payer.address}"

        @contextmanager
        def held() -> Iterator[Lease]:
            resource = f"the nonces of {self.payer.address} on chain {self.config.chain_id}"
            with (
                mlflow_client(self.settings.tracking_uri) as client,
                registry_lock(client, name, resource=resource) as lease,
            ):
                yield lease

        return held
