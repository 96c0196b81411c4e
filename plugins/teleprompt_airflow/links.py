"""Buttons in Airflow's UI that lead from a task to the package's own pages."""

from typing import TYPE_CHECKING

import attrs
from airflow.sdk import BaseOperatorLink

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator
    from airflow.sdk.types import TaskInstanceKey


@attrs.define()
class ProgramLink(BaseOperatorLink):
    """From a task to its program's page."""

    name = "Teleprompt"

    def get_link(self, operator: "BaseOperator", *, ti_key: "TaskInstanceKey") -> str:
        """The page of the operator's `program`, relative to Airflow's address."""
        del ti_key
        return f"/teleprompt/ui/programs/{operator.program}"  # type: ignore[attr-defined]  # all of ours have one
