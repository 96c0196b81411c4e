"""Choose the best candidate."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from teleprompt_airflow.operators.base import EarlierTaskFailedError, StageOperator

if TYPE_CHECKING:
    from teleprompt.optimize.select import Selection
    from teleprompt.pipeline.pipeline import Pipeline


class SelectOperator(StageOperator):
    """Races the candidates on the select part and returns the best.

    With the trigger rule `none_skipped` those race whose tasks did not fail; too many failures fail this task.

    :param snapshot: record of the `CollectOperator`.
    :param candidates: records of the mapped `CompileOperator`; of those that succeeded.
    """

    template_fields: Sequence[str] = (*StageOperator.template_fields, "snapshot", "candidates")

    def __init__(self, *, snapshot: Any, candidates: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.snapshot = snapshot
        self.candidates = candidates

    def execute(self, context: Any) -> dict[str, Any]:
        """Select, where there is something to select from."""
        if not self.waited or not self.snapshot or not list(self.candidates or ()):
            raise EarlierTaskFailedError("Nothing is selected, for a task before this one failed; its log says why.")
        return super().execute(context)

    def run_stage(self, pipeline: "Pipeline") -> "Selection":
        """Select on the select part."""
        from teleprompt.optimize.candidate import Candidate
        from teleprompt.traces.snapshot import SnapshotRecord

        candidates = [Candidate.model_validate(candidate) for candidate in self.candidates]
        return pipeline.select(SnapshotRecord.model_validate(self.snapshot), candidates)
