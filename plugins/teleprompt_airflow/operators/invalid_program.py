"""Stand in for a program whose file cannot be used."""

from typing import Any, NoReturn

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowFailException


class InvalidProgramOperator(BaseOperator):
    """Fails with what is wrong with the program's file.

    :param problem: the one sentence.
    """

    def __init__(self, *, problem: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.problem = problem

    def execute(self, context: Any) -> NoReturn:
        """Say what is wrong."""
        del context
        raise AirflowFailException(self.problem)
