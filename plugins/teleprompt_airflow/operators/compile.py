"""Compile one candidate."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from teleprompt_airflow.operators.base import StageOperator

if TYPE_CHECKING:
    from teleprompt.optimize.candidate import Candidate
    from teleprompt.pipeline.pipeline import Pipeline


class CompileOperator(StageOperator):
    """Compiles the candidate of one seed; to be mapped over the seeds of the program's strategy.

    The compile runs in a process group of its own, which ends with the task however that ends. What was paid for until
    then is kept for the next try.

    :param snapshot: record of the `CollectOperator`; without one the window's traces are collected first.
    :param baseline: record of the `BaselineOperator`, where `start_from: champion` begins; looked up without one.
        Without both records nothing is compiled while a candidate is on trial.
    :param seed: which candidate of the strategy.
    """

    template_fields: Sequence[str] = (*StageOperator.template_fields, "snapshot", "baseline")

    def __init__(self, *, snapshot: Any = None, baseline: Any = None, seed: int = 0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._is_given = (snapshot is not None, baseline is not None)  # asked before a skipped task's renders to None
        self.snapshot = snapshot
        self.baseline = baseline
        self.seed = seed

    def run_stage(self, pipeline: "Pipeline") -> "Candidate":
        """Compile on the train part."""
        from teleprompt.optimize.candidate import Candidate
        from teleprompt.registry.versions import ProgramVersion
        from teleprompt.traces.snapshot import SnapshotRecord

        has_snapshot, has_baseline = self._is_given
        snapshot = SnapshotRecord.model_validate(self.snapshot) if has_snapshot else pipeline.collect()
        baseline = ProgramVersion.model_validate(self.baseline) if has_baseline else pipeline.baseline()
        if not (has_snapshot or has_baseline) and pipeline.comparing.trial(snapshot, baseline) is not None:
            return Candidate.without_time(self.seed, "a candidate is on trial, and nothing else is compiled meanwhile")
        return pipeline.compile(snapshot, baseline, seed=self.seed)
