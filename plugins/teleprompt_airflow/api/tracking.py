"""MLflow and the storage for a request."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import Depends, Path, Query

from teleprompt.attest.published import read_trust
from teleprompt.attest.stored import AttestationStore
from teleprompt.config.settings import Settings
from teleprompt_airflow.hooks.settings import shared_settings

if TYPE_CHECKING:
    from mlflow import MlflowClient
else:
    MlflowClient = Any  # FastAPI reads the annotations of a route, and importing MLflow takes seconds


def _settings() -> Settings:
    return shared_settings()


SettingsDep = Annotated[Settings, Depends(_settings)]


def _client(settings: SettingsDep) -> Iterator[MlflowClient]:
    from teleprompt.tracking.connection import mlflow_client

    with mlflow_client(settings.tracking_uri) as client:
        yield client


Mlflow = Annotated[MlflowClient, Depends(_client)]


def _attestations(settings: SettingsDep, client: Mlflow) -> AttestationStore:
    return AttestationStore(client, read_trust(settings, client))


Attestations = Annotated[AttestationStore, Depends(_attestations)]
Identifier = Annotated[str, Path(pattern=r"^[^\x00-\x1f\x7f]{1,250}$")]
"""What somebody else named: a run, a trace, a contributor."""

Limit = Annotated[int, Query(ge=1, le=100, description="So many at most.")]
Cursor = Annotated[
    str | None, Query(max_length=100, description="`next_cursor` of the page before; without it, the first page.")
]
