"""Hand an attestation in at its program's contract."""

from collections.abc import Sequence
from typing import Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowSkipException

from teleprompt.config.files import find_program_file, load_program_file
from teleprompt.config.settings import Settings
from teleprompt_airflow.hooks.settings import settings_from_connections
from teleprompt_airflow.operators.base import actor_of, domain_errors, signers_queue


class SubmitOperator(BaseOperator):
    """Submits an attestation to the contract that the program file names; returns the receipt.

    A dry run unless the program file says `chain.send: true`. Tried again, it goes on from what was sent.

    :param program: the program's name on the command line.
    :param attestation: record of the `AttestOperator`, or report of the `WatchOperator`, which may have attested.
    """

    template_fields: Sequence[str] = ("attestation",)

    def __init__(self, *, program: str, attestation: Any, **kwargs: Any) -> None:
        super().__init__(**{**signers_queue(), **kwargs})
        self.program = program
        self.attestation = attestation

    def execute(self, context: Any) -> dict[str, Any]:
        """Submit, and wait until it is confirmed."""
        given = self.attestation.get("attestation", self.attestation)
        if given is None:
            raise AirflowSkipException("Nothing was attested, so nothing is submitted.")
        from teleprompt.environment import configure_third_party

        configure_third_party()
        from teleprompt.attest.issue import AttestationRecord
        from teleprompt.attest.stored import open_attestations
        from teleprompt.audit.attested_run import AttestedRun
        from teleprompt.chain.submit import submit_attestation

        config = load_program_file(find_program_file(Settings().programs_dir, self.program))
        record = AttestationRecord.model_validate(given)
        with domain_errors(skip_without_traces=True):
            settings = settings_from_connections(config, signer=True, chain=True)
            with open_attestations(settings) as store:
                attested = AttestedRun(store.client, store.find(record.attestation_hash))
                send = config.chain is not None and config.chain.send
                receipt = submit_attestation(
                    attested.run, attested.attestation, config, settings, send=send, who=actor_of(context)
                )
        return receipt.model_dump(mode="json")
