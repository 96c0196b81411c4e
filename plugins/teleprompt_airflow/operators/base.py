"""What all stage operators share."""

import time
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from teleprompt.config.files import find_program_file, load_program_file
from teleprompt.config.settings import Settings
from teleprompt.errors import (
    ConfigurationError,
    NothingToCompareError,
    NothingToDoError,
    TelepromptError,
    TransientError,
)
from teleprompt.window import Window
from teleprompt_airflow.error_tags import tag_errors
from teleprompt_airflow.hooks.settings import settings_from_connections, shared_settings
from teleprompt_airflow.links import ProgramLink
from teleprompt_airflow.metrics import measure_stage, stage_span
from teleprompt_airflow.run_window import overrides_of, was_asked_for

if TYPE_CHECKING:
    from airflow.providers.openlineage.extractors import OperatorLineage

    from teleprompt.pipeline.pipeline import Pipeline


class EarlierTaskFailedError(AirflowFailException):
    """A task that runs in spite of failures before it has nothing to work with; they were told of already."""


class StageOperator(BaseOperator):
    """Base of the stage operators.

    :param program: the program's name on the command line.
    :param waited: what the `TraceVolumeSensor` of the run returned: its window and its key.
    """

    template_fields: Sequence[str] = ("waited",)
    operator_extra_links = (ProgramLink(),)
    signs = False
    """Whether the stage needs the signer's key; no other task opens it."""

    def __init__(self, *, program: str, waited: Any, **kwargs: Any) -> None:
        super().__init__(**{**(signers_queue() if self.signs else {}), **kwargs})
        self.program = program
        self.waited = waited

    def execute(self, context: Any) -> dict[str, Any]:
        """Run the stage and return its record."""
        with domain_errors(skip_without_traces=not was_asked_for(context)):
            pipeline = pipeline_of(self.program, self.waited, context, signs=self.signs)
            began = time.monotonic()
            with stage_span(program=self.program, stage=self.task_id):
                record = self.run_stage(pipeline)
            if pipeline.did_work:
                seconds = time.monotonic() - began
                measure_stage(record, program=self.program, stage=self.task_id, seconds=seconds)
            return record.model_dump(mode="json")  # type: ignore[no-any-return]

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> "OperatorLineage[Any, Any]":
        """What the stage read and wrote; Airflow's OpenLineage provider asks for it, where it is installed."""
        from teleprompt_airflow.lineage import lineage_of

        given = {name: getattr(self, name) for name in self.template_fields if name != "waited"}
        return lineage_of(
            program=self.program,
            window=self.waited["window"],
            tracking_uri=shared_settings().tracking_uri,
            given=given,
            record=task_instance.xcom_pull(task_ids=self.task_id, map_indexes=task_instance.map_index) or {},
        )

    @abstractmethod
    def run_stage(self, pipeline: "Pipeline") -> Any:
        """Call one stage of `pipeline`; returns its record."""


def signers_queue() -> dict[str, str]:
    """The argument of a task that signs: the queue of the workers that have the key, where the settings name one."""
    queue = Settings().signer_queue
    return {} if queue is None else {"queue": queue}


def pipeline_of(program: str, waited: Any, context: Mapping[str, Any], *, signs: bool = False) -> "Pipeline":
    """The pipeline of the run that a task belongs to; `waited` is what the run's sensor returned.

    Raises:
        ConfigurationError: the program changed since the run began.
    """
    from teleprompt.environment import configure_third_party

    configure_third_party()
    from teleprompt.pipeline.pipeline import Pipeline

    window = Window.model_validate(waited["window"])
    tag_errors(program=program, window=window)
    file = find_program_file(Settings().programs_dir, program)
    overrides = overrides_of(context["params"])
    config = load_program_file(file, overrides=overrides)
    pipeline = Pipeline.of_file(
        file,
        settings=settings_from_connections(config, signer=signs),
        window=window,
        overrides=overrides,
    )
    pipeline.actor = actor_of(context)
    if pipeline.key.digest != waited["key"]:
        raise ConfigurationError(
            f"The file, the code or the language model of {program} changed during this run; "
            "clear the run from its first task."
        )
    return pipeline


def actor_of(context: Mapping[str, Any]) -> str:
    """The run that does something, for the log of changes."""
    run = context["dag_run"]
    return f"airflow {getattr(run, 'dag_id', '')} {getattr(run, 'run_id', '')}".strip()


@contextmanager
def domain_errors(*, skip_without_traces: bool) -> Iterator[None]:
    """Airflow tries again what an outage broke; what is wrong with the work itself fails at once."""
    try:
        yield
    except TransientError:
        raise
    except NothingToDoError as error:
        skipped = skip_without_traces or isinstance(error, NothingToCompareError)
        raise (AirflowSkipException if skipped else AirflowFailException)(str(error)) from error
    except TelepromptError as error:
        raise AirflowFailException(str(error)) from error
