"""Issue the attestation."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowSkipException

from teleprompt.errors import ConfigurationError
from teleprompt_airflow.operators.base import StageOperator

if TYPE_CHECKING:
    from teleprompt.attest.issue import AttestationRecord
    from teleprompt.pipeline.pipeline import Pipeline
    from teleprompt.pipeline.promotion import ComparedCandidate


class AttestOperator(StageOperator):
    """Issues the attestation of a version that became champion; returns its id, hash and file.

    Signed when the connection `teleprompt_signer` exists. Either all records are given, or none: then it takes up what
    the run has found, and registers the version before it attests it.

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
        self,
        *,
        snapshot: Any = None,
        selection: Any = None,
        comparison: Any = None,
        baseline: Any = None,
        version: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        given = [record is not None for record in (snapshot, selection, comparison, baseline, version)]
        if any(given) and not all(given):
            raise ValueError("AttestOperator takes the records of all stages before it, or none of them.")
        self._is_given_records = all(given)  # asked before they are rendered: that of a skipped task is None then
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

        if not self._is_given_records:
            compared = _compared(pipeline)
            version = pipeline.promotion.promote(compared)
        else:
            compared = ComparedCandidate.model_validate(self, from_attributes=True)
            version = ProgramVersion.model_validate(self.version)
        if version.alias != CHAMPION:
            raise AirflowSkipException(
                f"Version {version.version_id} did not become champion, so there is nothing to attest."
            )
        return pipeline.promotion.attest(compared, version)


def _compared(pipeline: "Pipeline") -> "ComparedCandidate":
    """What the run has found, if that may be promoted without asking anybody."""
    from teleprompt.deltaone.report import Verdict

    if pipeline.config.approval is not None:
        raise ConfigurationError(
            f"{pipeline.config.name} wants an approval before a promotion; put a GateApprovalOperator and a "
            "RegisterOperator before the AttestOperator, and hand it their records."
        )
    compared = pipeline.compared()  # not made here: a task that has the signer's key runs no program code
    if compared is None:
        raise ConfigurationError(
            f"This run of {pipeline.config.name} has no verdict yet; put a DeltaOneBranchOperator or a GateOperator "
            "before the AttestOperator."
        )
    if compared.comparison.report.verdict is not Verdict.PROMOTE:
        raise AirflowSkipException("The gate did not promote, so there is nothing to attest.")
    return compared
