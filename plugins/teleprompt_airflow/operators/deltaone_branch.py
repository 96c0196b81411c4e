"""Go where the verdict leads."""

from collections.abc import Sequence
from typing import Any

from airflow.sdk import BaseBranchOperator


class DeltaOneBranchOperator(BaseBranchOperator):
    """Follows `on_promote` when the gate says promote, else `otherwise`.

    :param comparison: record of the `GateOperator`.
    :param on_promote: task id to go on with after DeltaOne.
    :param otherwise: task id to go on with after reject or inconclusive.
    """

    template_fields: Sequence[str] = ("comparison",)

    def __init__(self, *, comparison: Any, on_promote: str, otherwise: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.comparison = comparison
        self.on_promote = on_promote
        self.otherwise = otherwise

    def choose_branch(self, context: Any) -> str:
        """The task id that the verdict leads to."""
        del context
        verdict = self.comparison["report"]["verdict"]
        self.log.info("The gate says %s.", verdict)
        return self.on_promote if verdict == "promote" else self.otherwise
