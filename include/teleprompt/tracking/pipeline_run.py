"""The MLflow run that holds what one pipeline run found, stage by stage."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Self, TypeVar

from teleprompt.encoding.secret_uri import SecretUri
from teleprompt.errors import NothingToCompareError, TelepromptError
from teleprompt.records import Record
from teleprompt.tracking.connection import artifact_root, quoted
from teleprompt.tracking.run_key import RunKey
from teleprompt.window import format_utc

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.store.artifact.artifact_repo import ArtifactRepository


KEY_TAG = "teleprompt.key"
WINDOW_END_TAG = "teleprompt.window_end"
INTERNAL_TAG = "teleprompt.internal"
"""On experiments that the package writes itself, so that they are never read as production traffic."""

MAX_ERROR = 500
CLOCK = "clock."
"""Tags that say when something began."""
FIRST_COMPILE = "first_compile"
"""Of the clock that `optimization.timeout_seconds` is about."""
FIRST_DAG_RUN = "first_dag_run_id"
"""Tag of the scheduler's run that began the work; later ones may only have read it back."""

R = TypeVar("R", bound=Record)


def experiment_name(program: str) -> str:
    """The experiment of a program's pipeline runs."""
    return f"teleprompt/{program}"


def internal_experiment(client: "MlflowClient", name: str) -> str:
    """Id of the package's own experiment `name`; made when there is none yet."""
    experiment = client.get_experiment_by_name(name)
    if experiment:
        return str(experiment.experiment_id)
    import mlflow

    location = experiment_location(client, name)
    try:
        return str(client.create_experiment(name, artifact_location=location, tags={INTERNAL_TAG: "true"}))
    except mlflow.MlflowException as error:
        made = client.get_experiment_by_name(name)  # by another task, meanwhile
        if error.error_code != "RESOURCE_ALREADY_EXISTS" or made is None:
            raise
        return str(made.experiment_id)


def experiment_location(client: "MlflowClient", name: str) -> str | None:
    """Where the package's own experiment `name` keeps its files; None leaves it to a server."""
    root = artifact_root(client.tracking_uri)
    return root and f"{root}/{name}"


class RecordUnreadableError(TelepromptError):
    """A stage's record has another form than this version of the package writes."""

    def __init__(self, name: str, run_id: str) -> None:
        super().__init__(
            f"The record {name} of the MLflow run {run_id} was written by another version of the package; delete that "
            "run to do its window again, or leave it as it is."
        )


class PipelineRun:
    """One MLflow run per idempotency key. A stage writes its record once; later calls read it back."""

    def __init__(self, client: "MlflowClient", run_id: str) -> None:
        self.client = client
        self.run_id = run_id

    @classmethod
    def open(cls, client: "MlflowClient", key: RunKey) -> Self:
        """The run of `key`; made when there is none yet."""
        experiment_id = internal_experiment(client, experiment_name(key.program))
        existing = cls._find(client, experiment_id, key.digest)
        if existing is None:
            own = client.create_run(
                experiment_id,
                run_name=f"{key.program} {format_utc(key.window.start)}",
                tags={
                    KEY_TAG: key.digest,
                    "teleprompt.program": key.program,
                    "teleprompt.window_start": format_utc(key.window.start),
                    WINDOW_END_TAG: format_utc(key.window.end),
                    "teleprompt.fingerprint": key.fingerprint,
                },
            )
            # Another process may have made one at the same moment: all of them take the oldest.
            existing = cls._find(client, experiment_id, key.digest)
            if existing != own.info.run_id:
                client.delete_run(own.info.run_id)
        return cls(client, str(existing))

    @staticmethod
    def _find(client: "MlflowClient", experiment_id: str, key_digest: str) -> str | None:
        found = client.search_runs(
            [experiment_id],
            f"tags.`{KEY_TAG}` = {quoted(key_digest)}",
            max_results=1,
            order_by=["attributes.start_time ASC", "attributes.run_id ASC"],
        )
        return str(found[0].info.run_id) if found else None

    @classmethod
    def find(cls, client: "MlflowClient", *, program: str, key_digest: str) -> Self | None:
        """The run of a key that is known by its digest only; None if there is none."""
        experiment_id = internal_experiment(client, experiment_name(program))
        found = cls._find(client, experiment_id, key_digest)
        return None if found is None else cls(client, found)

    def read(self, name: str, model: type[R]) -> R | None:
        """The record that the stage `name` wrote, or None.

        Raises:
            RecordUnreadableError: another version of the package wrote it.
        """
        text = self.read_text(f"records/{name}.json")
        try:
            return None if text is None else model.from_stored(text)
        except ValueError as error:
            raise RecordUnreadableError(name, self.run_id) from error

    def write(self, name: str, record: Record) -> None:
        """Keep the record of the stage `name`."""
        self.write_text(f"records/{name}.json", record.to_stored(indent=1))

    def read_text(self, path: str) -> str | None:
        """The text artifact at `path`, its exact bytes as UTF-8, or None."""
        data = self.read_bytes(path)
        return None if data is None else data.decode()

    def read_bytes(self, path: str) -> bytes | None:
        """The artifact at `path`, or None."""
        folder = path.rpartition("/")[0]
        if all(item.path != path for item in self._artifacts.list_artifacts(folder or None)):
            return None
        with TemporaryDirectory() as own:  # in one of its own, MLflow would leave what came from a server
            return Path(self._artifacts.download_artifacts(path, dst_path=own)).read_bytes()

    @cached_property
    def _artifacts(self) -> "ArtifactRepository":
        """Where the run's files lie.

        MLflow's client would ask for the run and for models that are named like the folder, twice for each file.
        """
        from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

        place = self.client.get_run(self.run_id).info.artifact_uri
        return get_artifact_repository(place, tracking_uri=self.client.tracking_uri)

    def write_text(self, path: str, text: str) -> None:
        """Keep `text` at `path`, byte for byte."""
        self.client.log_text(self.run_id, text, path)

    def tag(self, **tags: str) -> None:
        """Set tags `teleprompt.<name>` that lists and searches read."""
        for name, value in tags.items():
            self.client.set_tag(self.run_id, f"teleprompt.{name}", value)

    def untag(self, name: str) -> None:
        """Delete the tag `teleprompt.<name>`."""
        self.client.delete_tag(self.run_id, f"teleprompt.{name}")

    def is_tagged(self, name: str) -> bool:
        """Whether the tag `teleprompt.<name>` is set."""
        return f"teleprompt.{name}" in self.client.get_run(self.run_id).data.tags

    def measure(self, **metrics: float) -> None:
        """Log metrics."""
        for name, value in metrics.items():
            self.client.log_metric(self.run_id, name, value)

    def describe(self, **parameters: str) -> None:
        """Log parameters. One that is logged stays as it is: MLflow refuses to change it."""
        from mlflow.entities import Param

        logged = self.client.get_run(self.run_id).data.params
        new = [Param(name, value) for name, value in parameters.items() if name not in logged]
        self.client.log_batch(self.run_id, params=new)

    def measures(self) -> dict[str, float]:
        """The newest value of each metric."""
        return dict(self.client.get_run(self.run_id).data.metrics)

    def seconds_since(self, moment: str) -> float:
        """How long ago this was first asked with that `moment`, since the last `restart`."""
        now, tag = datetime.now(UTC), f"{CLOCK}{moment}"
        began = self.client.get_run(self.run_id).data.tags.get(f"teleprompt.{tag}")
        if not began:
            self.tag(**{tag: now.isoformat()})
            return 0.0
        return max((now - datetime.fromisoformat(began)).total_seconds(), 0.0)

    def restart(self, moment: str) -> None:
        """Begin to count anew: somebody begins the run, or begins it again."""
        self.tag(**{f"{CLOCK}{moment}": ""})

    @contextmanager
    def under_way(self) -> Iterator[None]:
        """Shows the run as running, and as failed if the block raises; another try starts it again.

        That there is nothing to compare is an end like others, for the caller to write down.
        """
        if self.client.get_run(self.run_id).info.status != "RUNNING":
            self.client.update_run(self.run_id, status="RUNNING")
        try:
            yield
        except NothingToCompareError:
            raise
        except BaseException as error:
            self.client.update_run(self.run_id, status="FAILED")
            said = SecretUri(self.client.tracking_uri).hide_in(str(error))
            self.tag(error=said[:MAX_ERROR] if isinstance(error, TelepromptError) else type(error).__name__)
            raise

    def end(self) -> None:
        """Mark the run as finished."""
        self.client.set_terminated(self.run_id, "FINISHED")
