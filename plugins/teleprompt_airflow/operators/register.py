"""Register the promoted program."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from teleprompt_airflow.operators.base import StageOperator

if TYPE_CHECKING:
    from teleprompt.pipeline.pipeline import Pipeline
    from teleprompt.registry.versions import ProgramVersion


class RegisterOperator(StageOperator):
    """Registers the candidate of a promoting report and makes it champion; returns the version.

    :param snapshot: record of the `CollectOperator`.
    :param selection: record of the `SelectOperator`.
    :param comparison: record of the `GateOperator`.
    :param baseline: record of the `BaselineOperator`.
    """

    template_fields: Sequence[str] = (
        *StageOperator.template_fields, "snapshot", "selection", "comparison", "baseline",
    )  # fmt: skip

    def __init__(self, *, snapshot: Any, selection: Any, comparison: Any, baseline: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.snapshot = snapshot
        self.selection = selection
        self.comparison = comparison
        self.baseline = baseline

    def run_stage(self, pipeline: "Pipeline") -> "ProgramVersion":
        """Register once per idempotency key."""
        from teleprompt.pipeline.promotion import ComparedCandidate

        compared = ComparedCandidate.model_validate(self, from_attributes=True)
        return pipeline.promotion.promote(compared)
