"""Compare with the running program."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from teleprompt_airflow.operators.base import StageOperator

if TYPE_CHECKING:
    from teleprompt.gate.comparison import Comparison
    from teleprompt.pipeline.pipeline import Pipeline


class GateOperator(StageOperator):
    """Runs champion and candidate on the sealed examples; returns the report with the verdict.

    :param snapshot: record of the `CollectOperator`.
    :param selection: record of the `SelectOperator`.
    :param baseline: record of the `BaselineOperator`.
    """

    template_fields: Sequence[str] = (
        *StageOperator.template_fields, "snapshot", "selection", "baseline",
    )  # fmt: skip

    def __init__(self, *, snapshot: Any, selection: Any, baseline: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.snapshot = snapshot
        self.selection = selection
        self.baseline = baseline

    def run_stage(self, pipeline: "Pipeline") -> "Comparison":
        """Decide on the gate part."""
        from teleprompt.optimize.select import Selection
        from teleprompt.registry.versions import ProgramVersion
        from teleprompt.traces.snapshot import SnapshotRecord

        return pipeline.gate(
            SnapshotRecord.model_validate(self.snapshot),
            Selection.model_validate(self.selection),
            ProgramVersion.model_validate(self.baseline),
        )
