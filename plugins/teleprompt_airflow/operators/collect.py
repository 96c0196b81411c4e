"""Collect the window's traces."""

from typing import TYPE_CHECKING

from teleprompt_airflow.operators.base import StageOperator

if TYPE_CHECKING:
    from include.teleprompt.pipeline import Pipeline
    from include.teleprompt.traces.snapshot import SnapshotRecord


class CollectOperator(StageOperator):
    """Snapshots the window's traces; returns the snapshot's digest, file and counts."""

    def run_stage(self, pipeline: "Pipeline") -> "SnapshotRecord":
        """Collect, curate, split and store."""
        return pipeline.collect()
