"""What a run has found, for the tasks that promote it."""

from typing import TYPE_CHECKING

from airflow.sdk.exceptions import AirflowSkipException

from teleprompt.errors import ConfigurationError

if TYPE_CHECKING:
    from teleprompt.pipeline.pipeline import Pipeline
    from teleprompt.pipeline.promotion import ComparedCandidate


def found_to_promote(pipeline: "Pipeline", *, approved: bool) -> "ComparedCandidate":
    """What the run has found, if that may be promoted.

    It is not made here: a task that has the signer's key runs no program code.

    Raises:
        ConfigurationError: the run has no verdict yet, or nobody was asked though the program wants that.
        AirflowSkipException: the gate did not promote.
    """
    from teleprompt.deltaone.report import Verdict

    if pipeline.config.approval is not None and not approved:
        raise ConfigurationError(
            f"{pipeline.config.name} wants an approval before a promotion; put a GateApprovalOperator and a "
            "RegisterOperator before the AttestOperator, and hand it the version."
        )
    compared = pipeline.comparing.compared()
    if compared is None:
        raise ConfigurationError(
            f"This run of {pipeline.config.name} has no verdict yet; put a DeltaOneBranchOperator or a GateOperator "
            "before the task that promotes."
        )
    if compared.comparison.report.verdict is not Verdict.PROMOTE:
        raise AirflowSkipException("The gate did not promote, so there is nothing to attest.")
    return compared
