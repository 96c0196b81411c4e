"""The signed webhook as an Airflow notifier."""

from collections.abc import Sequence
from typing import Any

from airflow.sdk import BaseHook, BaseNotifier, Connection
from pydantic import SecretStr

from teleprompt.alerts.alert import Alert
from teleprompt.alerts.webhook import Target, deliver
from teleprompt.config.alerts import WEBHOOK_CONNECTION
from teleprompt.errors import ConfigurationError
from teleprompt_airflow.hooks.settings import shared_settings


class WebhookNotifier(BaseNotifier):
    """Sends the alert of the context to a URL, signed.

    :param conn_id: connection whose host, or extra `{"url": …}`, is the URL and whose password is the secret.
    """

    template_fields: Sequence[str] = ("conn_id",)

    def __init__(self, *, conn_id: str = WEBHOOK_CONNECTION) -> None:
        super().__init__()
        self.conn_id = conn_id

    def notify(self, context: Any) -> None:
        """Send it; what is not taken is kept, and sent again with the next alert."""
        target = _target(BaseHook.get_connection(self.conn_id))
        deliver(target, Alert.model_validate(context["alert_record"]), storage_uri=shared_settings().storage_uri)


def _target(connection: Connection) -> Target:
    url = connection.extra_dejson.get("url") or connection.host
    if not url or "://" not in url or not connection.password:
        raise ConfigurationError(
            f"The connection {connection.conn_id} needs a URL as host, or as `url` in its extra, and a password."
        )
    return Target(name=str(connection.conn_id), url=SecretStr(url), secret=SecretStr(connection.password))
