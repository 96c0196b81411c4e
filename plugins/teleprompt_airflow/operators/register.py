"""Register the promoted program."""

from typing import TYPE_CHECKING

from teleprompt_airflow.operators._found import found_to_promote
from teleprompt_airflow.operators.base import StageOperator

if TYPE_CHECKING:
    from teleprompt.pipeline.pipeline import Pipeline
    from teleprompt.registry.versions import ProgramVersion


class RegisterOperator(StageOperator):
    """Registers the candidate that the run's gate promoted and makes it champion; returns the version.

    With an approval it comes after the `GateApprovalOperator`.
    """

    def run_stage(self, pipeline: "Pipeline") -> "ProgramVersion":
        """Register once per idempotency key."""
        return pipeline.promotion.promote(found_to_promote(pipeline, approved=True))
