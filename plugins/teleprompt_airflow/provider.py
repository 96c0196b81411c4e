"""What Airflow is told of this provider: its operators, and the forms of its connections.

The form of the returned dictionary is Airflow's `provider_info.schema.json`; a field of a connection is kept in its
extra under the field's name.
"""

from typing import Any

_HOOKS = "teleprompt_airflow.hooks.connections"
_NAME = "Teleprompt"
_TEXT = {"type": ["string", "null"]}


def provider_info() -> dict[str, Any]:
    """The metadata that Airflow reads by the entry point `apache_airflow_provider`; imports nothing."""
    return {
        "package-name": "teleprompt-airflow",
        "name": _NAME,
        "description": "Turns MLflow traces of DSPy programs into better, attested programs.",
        "integrations": [{"integration-name": _NAME, "external-doc-url": "https://dspy.ai/", "tags": ["software"]}],
        "operators": [{"integration-name": _NAME, "python-modules": ["teleprompt_airflow.operators"]}],
        "sensors": [
            {
                "integration-name": _NAME,
                "python-modules": [
                    "teleprompt_airflow.sensors.trace_volume",
                    "teleprompt_airflow.sensors.upstream_programs",
                ],
            }
        ],
        "triggers": [{"integration-name": _NAME, "python-modules": ["teleprompt_airflow.triggers.trace_volume"]}],
        "hooks": [{"integration-name": _NAME, "python-modules": [_HOOKS]}],
        "notifications": ["teleprompt_airflow.notifications.webhook.WebhookNotifier"],
        "extra-links": ["teleprompt_airflow.links.ProgramLink"],
        "plugins": [{"name": "teleprompt", "plugin-class": "teleprompt_airflow.plugin.TelepromptPlugin"}],
        "connection-types": [
            _connection(
                "mlflow",
                "MlflowTrackingHook",
                {"tracking_uri": _field("Tracking URI", "sqlite:///… or http://…; or give host, port and login")},
                hidden=["extra"],
            ),
            _connection("storage", "StorageHook", {"uri": _field("URI", "a folder, or s3://bucket/path")}),
            _connection(
                "lm",
                "LanguageModelHook",
                {"model": _field("Model", "provider/model, as LiteLLM names it")},
                shown=["host", "password"],
                relabeled={"host": "API base", "password": "API key"},
            ),
            _connection(
                "signer",
                "SignerHook",
                {
                    "keystore": _field("Keystore", "a path, or the JSON itself"),
                    "password_file": _field("Password file", "instead of the password"),
                    "address": _field("Address", "of a signer outside"),
                    "url": _field("URL", "of a signer outside"),
                },
                shown=["password"],
            ),
        ],
    }


def _field(label: str, description: str) -> dict[str, Any]:
    return {"label": label, "description": description, "schema": _TEXT}


def _connection(
    kind: str,
    hook: str,
    fields: dict[str, Any],
    *,
    hidden: list[str] | None = None,
    shown: list[str] | None = None,
    relabeled: dict[str, str] | None = None,
) -> dict[str, Any]:
    """A connection type; of Airflow's own fields those in `shown` are left, or all that are not in `hidden`."""
    own = ["host", "schema", "login", "password", "port", "extra"]
    hide = hidden if hidden is not None else [name for name in own if name not in (shown or ())]
    return {
        "connection-type": f"teleprompt_{kind}",
        "hook-class-name": f"{_HOOKS}.{hook}",
        "hook-name": f"{_NAME}: {kind}",
        "conn-fields": fields,
        "ui-field-behaviour": {"hidden-fields": hide, "relabeling": relabeled or {}, "placeholders": {}},
    }
