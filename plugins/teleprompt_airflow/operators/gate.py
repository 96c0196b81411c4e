"""Compare with the running program."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowSkipException

from teleprompt_airflow.operators.base import StageOperator

if TYPE_CHECKING:
    from teleprompt.gate.comparison import Comparison
    from teleprompt.pipeline.pipeline import Pipeline


class GateOperator(StageOperator):
    """Runs champion and candidate on the sealed examples; returns the report with the verdict.

    The candidate is the one that is on trial, if one is.

    :param snapshot: record of the `CollectOperator`.
    :param selection: record of the `SelectOperator`; nothing where it was skipped because a trial goes on.
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

    def execute(self, context: Any) -> dict[str, Any]:
        """Compare, where something was collected."""
        if not self.snapshot:  # it runs though tasks before it were skipped: while a candidate is on trial, some are
            raise AirflowSkipException("Nothing was collected, so there is nothing to compare on.")
        return super().execute(context)

    def run_stage(self, pipeline: "Pipeline") -> "Comparison":
        """Decide on the gate part."""
        from teleprompt.optimize.select import Selection
        from teleprompt.registry.versions import ProgramVersion
        from teleprompt.traces.snapshot import SnapshotRecord

        snapshot, champion = SnapshotRecord.model_validate(self.snapshot), ProgramVersion.model_validate(self.baseline)
        selection = Selection.model_validate(self.selection) if self.selection else None
        if selection is None and not pipeline.comparing.goes_on(snapshot, champion):
            raise AirflowSkipException("No candidate was selected, and none is on trial.")
        return pipeline.comparing.gate(snapshot, selection, champion)
