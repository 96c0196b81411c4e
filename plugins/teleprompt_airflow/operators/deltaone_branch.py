"""Go where the verdict leads."""

from collections.abc import Sequence
from typing import Any

from airflow.sdk import BaseBranchOperator
from airflow.sdk.exceptions import AirflowSkipException

from teleprompt_airflow.operators.base import domain_errors, pipeline_of
from teleprompt_airflow.run_window import was_asked_for


class DeltaOneBranchOperator(BaseBranchOperator):
    """Follows `on_promote` when the gate says promote, else `otherwise`.

    It is given the gate's record, or makes the comparison itself with whatever stages before it were not done.

    :param on_promote: task id to go on with after DeltaOne.
    :param otherwise: task id to go on with after reject or inconclusive.
    :param comparison: record of the `GateOperator`, or of a `ScoreGateOperator`.
    :param program: the program's name on the command line; needed without `comparison`.
    :param waited: what the `TraceVolumeSensor` of the run returned; needed without `comparison`.
    """

    template_fields: Sequence[str] = ("comparison", "waited")

    def __init__(
        self,
        *,
        on_promote: str,
        otherwise: str,
        comparison: Any = None,
        program: str | None = None,
        waited: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if comparison is None and (program is None or waited is None):
            raise ValueError(
                "DeltaOneBranchOperator takes the `comparison` of a GateOperator, or `program` and `waited`."
            )
        self._is_given_comparison = comparison is not None  # asked before a skipped task's renders to None
        self.on_promote = on_promote
        self.otherwise = otherwise
        self.comparison = comparison
        self.program = program
        self.waited = waited

    def choose_branch(self, context: Any) -> str:
        """The task id that the verdict leads to."""
        record = self.comparison if self._is_given_comparison else self._compare(self.program, context)
        verdict = record["report"]["verdict"]
        self.log.info("The gate says %s.", verdict)
        return self.on_promote if verdict == "promote" else self.otherwise

    def _compare(self, program: Any, context: Any) -> dict[str, Any]:
        from teleprompt.pipeline.whole_run import compare_candidate

        with domain_errors(skip_without_traces=not was_asked_for(context)):
            compared = compare_candidate(pipeline_of(program, self.waited, context))
        if compared is None:
            raise AirflowSkipException(f"{program} switched the DeltaOne check off, so there is no verdict to follow.")
        return compared.comparison.model_dump(mode="json")
