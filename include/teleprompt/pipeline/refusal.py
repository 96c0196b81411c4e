"""A person did not let a promotion happen, or nobody answered: an outcome of a run like any other."""

from teleprompt.config.settings import Settings
from teleprompt.records import Digest
from teleprompt.registry.change_log import Action
from teleprompt.registry.changes import note
from teleprompt.tracking.connection import mlflow_client
from teleprompt.tracking.pipeline_run import PipelineRun


def refuse(settings: Settings, *, program: str, key: Digest, who: str, why: str) -> None:
    """Write the refusal into the program's log of changes, and end the pipeline run of `key`; once.

    Raises:
        TrackingUnavailableError: MLflow does not answer.
    """
    with mlflow_client(settings.tracking_uri) as client:
        note(client, program, Action.REFUSE, key=key, who=who, why=why)
        run = PipelineRun.find(client, program=program, key_digest=key)
        if run is not None:
            run.tag(refused=f"{why} ({who})")
            run.end()
