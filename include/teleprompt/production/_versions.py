"""Versions as production knows them, and the pipeline runs that made them."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from teleprompt.errors import TelepromptError
from teleprompt.registry.aliases import PAST_SHARES, SHARE
from teleprompt.registry.versions import RUN_KEY, VERSION_ID
from teleprompt.traces.outcomes import OutcomeFit
from teleprompt.traces.snapshot import SnapshotRecord, read_snapshot
from teleprompt.tracking.pipeline_run import PipelineRun

if TYPE_CHECKING:
    from mlflow import MlflowClient


@dataclass(frozen=True)
class KnownVersion:
    """A registered version: how calls name it, and which run made it."""

    number: int
    version_id: str
    run_key: str | None
    """None for the program as written."""
    share: float
    """Of the keys, that it answers as challenger; 0 if it never was one."""
    past_shares: tuple[tuple[datetime, float], ...] = ()
    """Until when it answered which, before a step of a ramp; the oldest first."""

    @classmethod
    def read(cls, client: "MlflowClient", name: str, number: int) -> "KnownVersion":
        """The version of that number."""
        tags = client.get_model_version(name, str(number)).tags
        past = json.loads(tags.get(PAST_SHARES, "[]"))
        return cls(
            number,
            tags.get(VERSION_ID, str(number)),
            tags.get(RUN_KEY),
            float(tags.get(SHARE, 0)),
            tuple((datetime.fromisoformat(until), float(share)) for until, share in past),
        )

    def share_at(self, at: datetime) -> float:
        """Of the keys, that it answered as challenger then."""
        return next((share for until, share in self.past_shares if at < until), self.share)

    @property
    def tags(self) -> dict[str, str]:
        """How a call may name it."""
        return {self.version_id: self.version_id, str(self.number): self.version_id}

    def run(self, client: "MlflowClient", program: str) -> PipelineRun | None:
        """The pipeline run that made it; None for the program as written, and for a run that was deleted."""
        return (self.run_key and PipelineRun.find(client, program=program, key_digest=self.run_key)) or None

    def needed_run(self, client: "MlflowClient", program: str) -> PipelineRun:
        """The pipeline run that made it.

        Raises:
            TelepromptError: it is not there any more.
        """
        found = self.run(client, program)
        if found is None:
            raise TelepromptError(
                f"The pipeline run that made version {self.version_id} of {program} is not in MLflow any more; restore "
                "it, or roll back to another version."
            )
        return found


def outcome_fits(run: PipelineRun) -> tuple[OutcomeFit, ...]:
    """How outcomes became scores when the run's version was made.

    Raises:
        TelepromptError: the run's records are gone.
    """
    record = run.read("snapshot", SnapshotRecord)
    if record is None:
        raise TelepromptError(f"The MLflow run {run.run_id} holds no snapshot any more; restore its artifacts.")
    return read_snapshot(record).outcome_fits
