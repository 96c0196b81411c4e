"""Name the version to beat."""

from typing import TYPE_CHECKING

from teleprompt_airflow.operators.base import StageOperator

if TYPE_CHECKING:
    from teleprompt.pipeline.pipeline import Pipeline
    from teleprompt.registry.versions import ProgramVersion


class BaselineOperator(StageOperator):
    """Returns the champion; registers the program as written when it is seen for the first time."""

    def run_stage(self, pipeline: "Pipeline") -> "ProgramVersion":
        """Read or register the champion."""
        return pipeline.baseline()
