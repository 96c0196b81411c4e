"""Issue the attestation."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowSkipException

from teleprompt_airflow.operators.base import StageOperator

if TYPE_CHECKING:
    from teleprompt.attest.issue import AttestationRecord
    from teleprompt.pipeline.pipeline import Pipeline


class AttestOperator(StageOperator):
    """Issues the attestation of a registered version; returns its id, hash and file.

    Signed when the connection `teleprompt_signer` exists.

    :param snapshot: record of the `CollectOperator`.
    :param selection: record of the `SelectOperator`.
    :param comparison: record of the `GateOperator`.
    :param baseline: record of the `BaselineOperator`.
    :param version: record of the `RegisterOperator`.
    """

    template_fields: Sequence[str] = (
        *StageOperator.template_fields, "snapshot", "selection", "comparison", "baseline", "version",
    )  # fmt: skip

    signs = True

    def __init__(
        self, *, snapshot: Any, selection: Any, comparison: Any, baseline: Any, version: Any, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.snapshot = snapshot
        self.selection = selection
        self.comparison = comparison
        self.baseline = baseline
        self.version = version

    def run_stage(self, pipeline: "Pipeline") -> "AttestationRecord":
        """Issue once per idempotency key."""
        from teleprompt.pipeline.promotion import ComparedCandidate
        from teleprompt.registry.aliases import CHAMPION
        from teleprompt.registry.versions import ProgramVersion

        version = ProgramVersion.model_validate(self.version)
        if version.alias != CHAMPION:
            raise AirflowSkipException(
                f"Version {version.version_id} did not become champion, so there is nothing to attest."
            )
        compared = ComparedCandidate.model_validate(self, from_attributes=True)
        return pipeline.promotion.attest(compared, version)
