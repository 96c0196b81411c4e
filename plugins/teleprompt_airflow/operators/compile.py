"""Compile one candidate."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from teleprompt_airflow.operators.base import StageOperator

if TYPE_CHECKING:
    from include.teleprompt.optimize.compile import Candidate
    from include.teleprompt.pipeline import Pipeline


class CompileOperator(StageOperator):
    """Compiles the candidate of one seed; to be mapped over the seeds of the program's strategy.

    :param snapshot: record of the `CollectOperator`.
    :param seed: which candidate of the strategy.
    """

    template_fields: Sequence[str] = (*StageOperator.template_fields, "snapshot")

    def __init__(self, *, snapshot: Any, seed: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.snapshot = snapshot
        self.seed = seed

    def run_stage(self, pipeline: "Pipeline") -> "Candidate":
        """Compile on the train part."""
        from include.teleprompt.traces.snapshot import SnapshotRecord

        return pipeline.compile(SnapshotRecord.model_validate(self.snapshot), seed=self.seed)
