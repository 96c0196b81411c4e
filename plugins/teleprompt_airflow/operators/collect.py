"""Collect the window's traces."""

from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from teleprompt.errors import InsufficientTracesError
from teleprompt.window import Window
from teleprompt_airflow.metrics import measure_unusable
from teleprompt_airflow.notifications.tell import tell
from teleprompt_airflow.operators.base import StageOperator

if TYPE_CHECKING:
    from teleprompt.pipeline.pipeline import Pipeline
    from teleprompt.traces.snapshot import SnapshotRecord


class CollectOperator(StageOperator):
    """Snapshots the window's traces; returns the snapshot's digest, file and counts.

    Where too few can be used it says so itself: a skipped run gets to no other task that would.
    """

    def execute(self, context: Any) -> dict[str, Any]:
        """Collect; measure and tell of what cannot be used even if nothing can."""
        try:
            return super().execute(context)
        except (AirflowSkipException, AirflowFailException) as ended:
            if isinstance(ended.__cause__, InsufficientTracesError):
                self._tell_of_quarantine(ended.__cause__, context)
            raise

    def run_stage(self, pipeline: "Pipeline") -> "SnapshotRecord":
        """Collect, curate, split and store."""
        return pipeline.collect()

    def _tell_of_quarantine(self, error: InsufficientTracesError, context: Any) -> None:
        from teleprompt.alerts.of_run import alerts_of_quarantine

        measure_unusable(error, program=self.program)
        run_id, window = context["dag_run"].run_id, str(Window.model_validate(self.waited["window"]))
        tell(alerts_of_quarantine(error, program=self.program, dag_run_id=run_id, window=window), context)
