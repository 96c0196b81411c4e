"""Compile a candidate, or go on with the one that is on trial."""

from collections.abc import Sequence
from typing import Any

from airflow.sdk import BaseBranchOperator

from teleprompt_airflow.operators.base import domain_errors, pipeline_of
from teleprompt_airflow.run_window import was_asked_for


class TrialBranchOperator(BaseBranchOperator):
    """Follows `on_trial` while a candidate is on trial against the champion, else `otherwise`.

    A window before the one that opened the trial counts for nothing; its run is skipped from here on.

    :param program: the program's name on the command line.
    :param waited: what the `TraceVolumeSensor` of the run returned: its window and its key.
    :param snapshot: record of the `CollectOperator`.
    :param baseline: record of the `BaselineOperator`.
    :param on_trial: task id to go on with where nothing is compiled.
    :param otherwise: task id to go on with where a candidate is.
    """

    template_fields: Sequence[str] = ("waited", "snapshot", "baseline")

    def __init__(
        self, *, program: str, waited: Any, snapshot: Any, baseline: Any, on_trial: str, otherwise: str, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.program = program
        self.waited = waited
        self.snapshot = snapshot
        self.baseline = baseline
        self.on_trial = on_trial
        self.otherwise = otherwise

    def choose_branch(self, context: Any) -> str:
        """The task id to go on with."""
        from teleprompt.registry.versions import ProgramVersion
        from teleprompt.traces.snapshot import SnapshotRecord

        with domain_errors(skip_without_traces=not was_asked_for(context)):
            pipeline = pipeline_of(self.program, self.waited, context)
            trial = pipeline.comparing.trial(
                SnapshotRecord.model_validate(self.snapshot), ProgramVersion.model_validate(self.baseline)
            )
        if trial is None:
            return self.otherwise
        self.log.info("A trial goes on that was opened with the window %s; nothing is compiled.", trial.opening.window)
        return self.on_trial
