"""Issue the attestation."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from teleprompt_airflow.operators.base import StageOperator

if TYPE_CHECKING:
    from include.teleprompt.attest.issue import AttestationRecord
    from include.teleprompt.pipeline import Pipeline


class AttestOperator(StageOperator):
    """Issues the attestation of a registered version; returns its id, hash and file.

    Signed when the connection `teleprompt_signer` exists.

    :param snapshot: record of the `CollectOperator`.
    :param selection: record of the `SelectOperator`.
    :param report: record of the `GateOperator`.
    :param baseline: record of the `BaselineOperator`.
    :param version: record of the `RegisterOperator`.
    """

    template_fields: Sequence[str] = (
        *StageOperator.template_fields, "snapshot", "selection", "report", "baseline", "version",
    )  # fmt: skip

    signs = True

    def __init__(
        self, *, snapshot: Any, selection: Any, report: Any, baseline: Any, version: Any, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.snapshot = snapshot
        self.selection = selection
        self.report = report
        self.baseline = baseline
        self.version = version

    def run_stage(self, pipeline: "Pipeline") -> "AttestationRecord":
        """Issue once per idempotency key."""
        from include.teleprompt.deltaone.compare import GateReport
        from include.teleprompt.optimize.select import Selection
        from include.teleprompt.registry.versions import ProgramVersion
        from include.teleprompt.traces.snapshot import SnapshotRecord

        return pipeline.attest(
            SnapshotRecord.model_validate(self.snapshot),
            Selection.model_validate(self.selection),
            GateReport.model_validate(self.report),
            ProgramVersion.model_validate(self.baseline),
            ProgramVersion.model_validate(self.version),
        )
