"""What all stage operators share."""

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowFailException

from include.teleprompt.config.files import find_program_file, load_program_file
from include.teleprompt.config.settings import Settings
from include.teleprompt.errors import (
    ConfigurationError,
    InsufficientTracesError,
    OptimizationTimeoutError,
)
from include.teleprompt.window import Window
from teleprompt_airflow.hooks.settings import settings_from_connections
from teleprompt_airflow.run_window import overrides_of

if TYPE_CHECKING:
    from include.teleprompt.pipeline import Pipeline


class StageOperator(BaseOperator):
    """Base of the stage operators.

    :param program: the program's name on the command line.
    :param waited: what the `TraceVolumeSensor` of the run returned; its window is the run's.
    """

    template_fields: Sequence[str] = ("waited",)

    def __init__(self, *, program: str, waited: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.program = program
        self.waited = waited

    def execute(self, context: Any) -> dict[str, Any]:
        """Run the stage and return its record."""
        with domain_errors():
            return self.run_stage(self._pipeline(context)).model_dump(mode="json")  # type: ignore[no-any-return]

    @abstractmethod
    def run_stage(self, pipeline: "Pipeline") -> Any:
        """Call one stage of `pipeline`; returns its record."""

    def _pipeline(self, context: Mapping[str, Any]) -> "Pipeline":
        from include.teleprompt.environment import quiet_libraries

        quiet_libraries()
        from include.teleprompt.pipeline import Pipeline

        file = find_program_file(Settings().programs_dir, self.program)
        overrides = overrides_of(context["params"])
        lm_conn_id = load_program_file(file, overrides=overrides).lm_conn_id
        return Pipeline.of_file(
            file,
            settings=settings_from_connections(lm_conn_id),
            window=Window.model_validate(self.waited["window"]),
            overrides=overrides,
        )


@contextmanager
def domain_errors() -> Iterator[None]:
    """Fail at once where trying again cannot help; everything else is Airflow's to retry."""
    try:
        yield
    except (ConfigurationError, InsufficientTracesError, OptimizationTimeoutError) as error:
        raise AirflowFailException(str(error)) from error
