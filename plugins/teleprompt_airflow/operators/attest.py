"""Issue the attestation."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowSkipException

from teleprompt_airflow.operators._found import found_to_promote
from teleprompt_airflow.operators.base import StageOperator

if TYPE_CHECKING:
    from teleprompt.attest.issue import AttestationRecord
    from teleprompt.pipeline.pipeline import Pipeline


class AttestOperator(StageOperator):
    """Issues the attestation of a version that became champion; returns its id, hash and file.

    Signed when the connection `teleprompt_signer` exists. It takes up what the run has found.

    :param version: record of the `RegisterOperator`; without one the version is registered first.
    """

    template_fields: Sequence[str] = (*StageOperator.template_fields, "version")

    signs = True

    def __init__(self, *, version: Any = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._is_given_version = version is not None  # asked before it is rendered: that of a skipped task is None then
        self.version = version

    def run_stage(self, pipeline: "Pipeline") -> "AttestationRecord":
        """Issue once per idempotency key."""
        from teleprompt.registry.aliases import CHAMPION
        from teleprompt.registry.versions import ProgramVersion

        compared = found_to_promote(pipeline, approved=self._is_given_version)
        if self._is_given_version:
            version = ProgramVersion.model_validate(self.version)
        else:
            version = pipeline.promotion.promote(compared)
        if version.alias != CHAMPION:
            raise AirflowSkipException(
                f"Version {version.version_id} did not become champion, so there is nothing to attest."
            )
        return pipeline.promotion.attest(compared, version)
