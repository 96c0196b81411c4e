"""Say what the comparison could see, before it costs anything."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from teleprompt_airflow.operators.base import StageOperator

if TYPE_CHECKING:
    from teleprompt.deltaone.power import PowerEstimate
    from teleprompt.pipeline.pipeline import Pipeline


class PowerOperator(StageOperator):
    """Returns the smallest gain that the sealed examples could show; with `on_low_power: skip` it may skip the run.

    :param snapshot: record of the `CollectOperator`.
    """

    template_fields: Sequence[str] = (*StageOperator.template_fields, "snapshot")

    def __init__(self, *, snapshot: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.snapshot = snapshot

    def run_stage(self, pipeline: "Pipeline") -> "PowerEstimate":
        """Estimate from the split's sizes and what earlier comparisons found."""
        from teleprompt.traces.snapshot import SnapshotRecord

        return pipeline.comparing.power(SnapshotRecord.model_validate(self.snapshot))
