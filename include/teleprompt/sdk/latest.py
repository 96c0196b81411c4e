"""`latest`: the newest version of a registered model."""

from teleprompt.config.settings import Settings
from teleprompt.registry.published import PublishedVersion, latest_version
from teleprompt.tracking.connection import mlflow_client


def latest(name: str, *, settings: Settings | None = None) -> PublishedVersion:
    """The newest version of the registered model `name`, as `EmailDraft-Optimized`: its number, tags and URI.

    Raises:
        ConfigurationError: there is no version of that name.
        TrackingUnavailableError: MLflow does not answer.
    """
    with mlflow_client((settings or Settings()).tracking_uri) as client:
        return latest_version(client, name)
