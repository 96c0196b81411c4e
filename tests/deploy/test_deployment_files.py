"""The files of a deployment on several machines. They were never started here: what can be checked without, is."""

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml
from sentry_sdk.consts import DEFAULT_OPTIONS

from teleprompt.config.program import ProgramConfig
from teleprompt.config.settings import OFFLINE_MODEL, Settings
from tests import REPOSITORY
from tests.support import fenced_blocks

DEPLOY = REPOSITORY / "deploy"
COMPOSE_TEXT = (DEPLOY / "compose.yaml").read_text()
COMPOSE = yaml.safe_load(COMPOSE_TEXT)
SECRET_VALUE = re.compile("PASSWORD|SECRET|FERNET|CONNECTION")
HELM = yaml.safe_load((DEPLOY / "helm-values.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
WORKERS = {"worker-1", "worker-2", "signer"}
AIRFLOW_SERVICES = {"init", "api-server", "scheduler", "dag-processor", "triggerer", *WORKERS}
SECRETS = {
    "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": {"init", "api-server", "scheduler", "dag-processor", "triggerer"},
    "AIRFLOW__CORE__FERNET_KEY": {"init", "api-server", "scheduler", "dag-processor", "triggerer"},
    "AIRFLOW__API_AUTH__JWT_SECRET": {"api-server", "scheduler"},
    "AIRFLOW__API__SECRET_KEY": {"api-server", "triggerer", *WORKERS},
    "AIRFLOW__CELERY__BROKER_URL": {"scheduler", *WORKERS},
    "AIRFLOW__CELERY__RESULT_BACKEND": {"scheduler", *WORKERS},
    "AIRFLOW_CONN_TELEPROMPT_LM": {"api-server", *WORKERS},
    "AIRFLOW_CONN_TELEPROMPT_SIGNER": {"signer"},
    "AIRFLOW_CONN_TELEPROMPT_PAYER": {"signer"},
    "AIRFLOW_CONN_SMTP_DEFAULT": {"api-server", "triggerer", *WORKERS},
    "GF_SECURITY_ADMIN_PASSWORD": {"grafana"},
    "AWS_SECRET_ACCESS_KEY": {"api-server", "bucket", "mlflow", *WORKERS},
    "MLFLOW_BACKEND_STORE_URI": {"mlflow"},
    "MLFLOW_POSTGRES_PASSWORD": {"postgres"},
    "POSTGRES_PASSWORD": {"postgres"},
    "REDISCLI_AUTH": {"redis"},
    "MINIO_ROOT_PASSWORD": {"s3"},
    "ADMIN_PASSWORD": {"init"},
}
"""Each variable that holds a secret, and who has it."""

OF_CHART = {
    "init": ("migrateDatabaseJob", "createUserJob"),
    "api-server": ("apiServer",),
    "scheduler": ("scheduler",),
    "dag-processor": ("dagProcessor",),
    "triggerer": ("triggerer",),
}
READ_ELSEWHERE = re.compile(
    r"AWS_\w+|MLFLOW_BACKEND_STORE_URI|COMPILE_SLOTS|ADMIN_PASSWORD|DUMB_INIT_SETSID|OTEL_EXPORTER_OTLP_METRICS_\w+"
)
"""Read by boto, by the command line of `mlflow server`, by the service's own command, by the image's entry point, by
OpenTelemetry's exporter."""

SERVICE_KEYS = {
    "build", "command", "depends_on", "entrypoint", "environment", "healthcheck", "hostname", "image", "ports",
    "restart", "stop_grace_period", "volumes",
}  # fmt: skip
"""Of the compose specification, those that are used; a mistyped one is refused by `docker compose` as a whole."""


def example() -> dict[str, str]:
    lines = (DEPLOY / ".env.example").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def filled(text: str) -> str:
    """With the example's values in the places of variables, and `$$` as the container sees it."""
    values = {
        **{name: value or "secret" for name, value in example().items()},
        **dict.fromkeys(("SIGNER_CONNECTION", "PAYER_CONNECTION", "SMTP_CONNECTION", "ALERTS_TO", "SENTRY_DSN"), ""),
        "MLFLOW_MORE_HOSTS": "",
    }
    return re.sub(r"(?<!\$)\$\{(\w+)[^}]*\}", lambda found: values[found[1]], text).replace("$$", "$")


def environment(service: str) -> dict[str, str]:
    return {name: filled(value) for name, value in SERVICES[service].get("environment", {}).items()}


def test_compose_names_only_what_is_there() -> None:
    assert set(COMPOSE) <= {"name", "services", "volumes", *[key for key in COMPOSE if key.startswith("x-")]}
    named = set()
    for name, service in SERVICES.items():
        assert set(service) <= SERVICE_KEYS, name
        for other, wanted in service.get("depends_on", {}).items():
            if wanted["condition"] == "service_healthy":
                assert "healthcheck" in SERVICES[other], f"{name} waits for {other}"
            else:
                assert wanted["condition"] == "service_completed_successfully"
                assert SERVICES[other].get("restart", "no") in {"no", "on-failure"}, f"{other} would never complete"
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            if source.startswith("."):
                assert (DEPLOY / source).is_file(), volume
            else:
                named.add(source)
        if "build" in service:
            context = DEPLOY / service["build"]["context"]
            assert (context / service["build"]["dockerfile"]).is_file()
    assert named == set(COMPOSE["volumes"])
    without = {name for name, service in SERVICES.items() if "healthcheck" not in service}
    assert without == {"bucket", "init", "collector"}  # the collector's image holds nothing that could ask


def test_the_example_of_secrets_has_just_those_that_compose_reads() -> None:
    assert set(re.findall(r"(?<!\$)\$\{(\w+)", COMPOSE_TEXT)) == set(example())
    assert "**/.env" in (REPOSITORY / ".dockerignore").read_text().splitlines()
    assert ".env" in (REPOSITORY / ".gitignore").read_text().splitlines()


@pytest.mark.parametrize("service", sorted(SERVICES))
def test_every_variable_is_one_that_somebody_reads(service: str) -> None:
    if "build" in SERVICES[service]:
        for name in environment(service):
            assert is_read(name), name


def is_read(name: str) -> bool:
    from airflow.configuration import conf

    if option := re.fullmatch(r"AIRFLOW__(.+?)__(.+)", name):
        section, key = (part.lower() for part in option.groups())
        if section == "sentry" and key in DEFAULT_OPTIONS:  # Airflow hands it on
            return True
        return key in conf.configuration_description.get(section, {}).get("options", {})
    if connection := re.fullmatch(r"AIRFLOW_CONN_(.+)", name):
        return connection[1].lower() in connections_read()
    if own := re.fullmatch(r"TELEPROMPT_(.+)", name):
        return own[1].lower().partition("__")[0] in Settings.model_fields
    if READ_ELSEWHERE.fullmatch(name):
        return True
    from mlflow import environment_variables

    return getattr(environment_variables, name, None) is not None


def connections_read() -> set[str]:
    from teleprompt_airflow.hooks.settings import MLFLOW, PAYER, SIGNER, STORAGE

    named = ("teleprompt_judge", "teleprompt_web3", "teleprompt_webhook", "smtp_default")  # by program files and rules
    return {MLFLOW, STORAGE, SIGNER, PAYER, ProgramConfig(name="P", slug="p").lm_conn_id, *named}


def test_the_connections_make_the_settings_of_the_cluster() -> None:
    from airflow.sdk import Connection

    from teleprompt_airflow.hooks.settings import build_settings

    env = environment("worker-1")
    given = {}
    for name, value in env.items():
        if name.startswith("AIRFLOW_CONN_") and value:
            conn_id = name.removeprefix("AIRFLOW_CONN_").lower()
            given[conn_id] = Connection(conn_id=conn_id, **with_text(json.loads(value)))
    settings = build_settings(given, lm_conn_id="teleprompt_lm")
    assert settings.tracking_uri.get_secret_value() == "http://mlflow:5000"
    assert settings.storage_uri == "s3://teleprompt/storage"
    assert settings.lm.model == OFFLINE_MODEL
    assert settings.signer is None


def with_text(connection: dict[str, Any]) -> dict[str, Any]:
    return {**connection, "extra": json.dumps(connection["extra"])}


def test_every_command_is_one_that_airflow_and_mlflow_have() -> None:
    from airflow.cli.cli_parser import get_parser
    from mlflow.cli import server

    for name in sorted(AIRFLOW_SERVICES - {"init"}):
        get_parser().parse_args(SERVICES[name]["command"])
    script = filled(SERVICES["init"]["command"][0]).replace("\\\n", " ")
    for line in script.strip().splitlines():
        command, *arguments = shlex.split(line.replace('"$COMPILE_SLOTS"', "4"))
        assert command == "airflow"
        get_parser().parse_args(arguments)
    assert [*SERVICES["mlflow"]["entrypoint"]] == ["mlflow", "server"]
    server.make_context("server", list(SERVICES["mlflow"]["command"]))
    assert {parameter.envvar for parameter in server.params} >= {"MLFLOW_BACKEND_STORE_URI"}
    compile(SERVICES["bucket"]["command"][0], "bucket", "exec")


@pytest.mark.parametrize("service", sorted(SERVICES))
def test_each_service_has_its_own_secrets_and_no_other(service: str) -> None:
    """Found by the values, so that a new variable cannot bring one to where it does not belong."""
    secret = {name for name in re.findall(r"\$\{(\w+)", COMPOSE_TEXT) if SECRET_VALUE.search(name)}
    given = SERVICES[service].get("environment", {})
    has = {name for name, value in given.items() if any(f"${{{known}" in str(value) for known in secret)}
    assert has == {name for name, holders in SECRETS.items() if service in holders}


def test_a_worker_reaches_no_database_and_only_one_has_the_key_that_signs() -> None:
    for worker in WORKERS:
        assert "postgres" not in " ".join(environment(worker).values())
    queues = {worker: SERVICES[worker]["command"][2:] for worker in WORKERS}
    assert queues == {"worker-1": [], "worker-2": [], "signer": ["--queues", "signer"]}
    assert {environment(service)["TELEPROMPT_SIGNER_QUEUE"] for service in AIRFLOW_SERVICES} == {"signer"}


def test_workers_share_their_configuration_and_no_disk() -> None:
    assert environment("worker-1") == environment("worker-2")
    disks = [volume for name in WORKERS for volume in SERVICES[name]["volumes"]]
    assert len(set(disks)) == len(WORKERS)
    (spool,) = SERVICES["api-server"]["volumes"]
    assert environment("api-server")["TELEPROMPT_SPOOL_DIR"] == spool.split(":")[1]


def test_what_was_proved_is_what_is_deployed() -> None:
    """The test of two workers sets its machines up with the variables of the compose file."""
    text = (REPOSITORY / "tests/e2e/two_workers.py").read_text()
    proved = set(re.findall(r'"(AIRFLOW_(?:_\w+|CONN_\w+))"', text))
    assert len(proved) > 6
    deployed = {name for service in AIRFLOW_SERVICES for name in environment(service)}
    assert proved - {"AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL"} <= deployed


def test_the_image_has_the_versions_of_the_lock() -> None:
    lock = (REPOSITORY / "requirements.lock").read_text()
    (version,) = re.findall(r"^apache-airflow==(.+)$", lock, re.MULTILINE)
    dockerfile = (DEPLOY / "Dockerfile").read_text()
    assert f"FROM apache/airflow:slim-{version}-" in dockerfile
    assert HELM["airflowVersion"] == version
    for file in re.findall(r"[\w-]+\.lock", dockerfile):
        assert (REPOSITORY / file).is_file()


def test_the_chart_is_given_what_compose_sets() -> None:
    env = environment("worker-1")
    assert HELM["executor"] == env["AIRFLOW__CORE__EXECUTOR"]
    for section, options in HELM["config"].items():
        for key, value in options.items():
            name = f"AIRFLOW__{section}__{key}".upper()
            assert is_read(name), name
            assert str(value) == env[name], name
    open_to_all = {variable["name"]: variable["value"] for variable in HELM["env"]}
    assert open_to_all == {
        name: value
        for name, value in env.items()
        if name.startswith(("TELEPROMPT_", "AIRFLOW_CONN_")) and name not in SECRETS
    }
    given = {f"AIRFLOW__{section}__{key}".upper() for section, options in HELM["config"].items() for key in options}
    assert "AIRFLOW__METRICS__OTEL_ON" in env  # the chart brings no collector
    of_the_chart = {
        "AIRFLOW__METRICS__OTEL_ON",
        "AIRFLOW__CORE__EXECUTOR", "AIRFLOW__CORE__EXECUTION_API_SERVER_URL", "AIRFLOW__SCHEDULER__ENABLE_HEALTH_CHECK",
    }  # fmt: skip
    assert {name for name in env if name.startswith("AIRFLOW__")} - set(SECRETS) == given | of_the_chart
    (mount,) = HELM["apiServer"]["extraVolumeMounts"]
    assert mount["mountPath"] == env["TELEPROMPT_SPOOL_DIR"]


def test_the_chart_gives_each_component_what_compose_gives_its_service() -> None:
    assert set(HELM["enableBuiltInSecretEnvVars"].values()) == {False}
    assert {name for name in SECRETS if name.startswith("AIRFLOW__")} <= set(HELM["enableBuiltInSecretEnvVars"])
    celery = HELM["workers"]["celery"]
    (signer,) = celery["sets"]
    envs = {
        "worker-1": [celery["env"]],
        "signer": [signer["env"]],
        **{service: [HELM[part]["env"] for part in parts] for service, parts in OF_CHART.items()},
    }
    for service, lists in envs.items():
        for variables in lists:
            names = {variable["name"] for variable in variables}
            wanted = {name for name, holders in SECRETS.items() if service in holders} - {"ADMIN_PASSWORD"}
            assert {name for name in names if name in SECRETS} == wanted, service
            assert all("secretKeyRef" in variable["valueFrom"] for variable in variables)
            assert all(is_read(name) for name in names)
            assert ("AWS_ENDPOINT_URL" in names) == ("AWS_SECRET_ACCESS_KEY" in names)
    assert (signer["name"], signer["queue"]) == ("signer", environment("signer")["TELEPROMPT_SIGNER_QUEUE"])
    assert celery["waitForMigrations"] == {"enabled": False}  # it would need the database
    for part in ("apiServer", "scheduler", "dagProcessor", "triggerer"):
        waiting = {variable["name"] for variable in HELM[part]["waitForMigrations"]["env"]}
        assert waiting == {"AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "AIRFLOW__CORE__FERNET_KEY"}
    named = {HELM[key] for key in HELM if key.endswith("SecretName")} | set(HELM["data"].values())
    used = set(re.findall(r"\{name: (teleprompt-[\w-]+)", (DEPLOY / "helm-values.yaml").read_text()))
    assert named <= used


def test_the_documented_commands_name_what_is_there() -> None:
    from airflow.cli.cli_parser import get_parser
    from typer.main import get_command

    from teleprompt.cli import app

    pages = ("docs/deployment.md", "docs/runbooks/index.md")
    lines = [line for page in pages for block in fenced_blocks(page, "console") for line in block.splitlines()]
    assert len(lines) > 6
    for line in lines:
        words = shlex.split(line, comments=True)
        for word in words:
            if word.startswith("deploy/") and word != "deploy/.env":
                assert (REPOSITORY / Path(word)).is_file(), line
        if "exec" in words:
            command = "airflow" if "airflow" in words else "teleprompt"
            before, arguments = words[: words.index(command)], words[words.index(command) + 1 :]
            assert before[-1] == "--" or before[-1] in SERVICES
            if command == "airflow":
                get_parser().parse_args(arguments)
            else:
                assert arguments[0] in get_command(app).commands  # type: ignore[attr-defined]
