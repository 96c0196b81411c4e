"""Prometheus beside the local stack, where it is installed, with the project's rules and a small collector."""

import shutil
from collections.abc import Mapping

import yaml

from dev import REPOSITORY
from dev.local import LOCAL, Ports
from dev.processes import ProcessFamily, clean_environment

HOME = LOCAL / "prometheus"
SECONDS = 15
MISSING = "Prometheus is not installed, so no metrics are kept (Debian and Ubuntu: apt install prometheus)."
NO_GRAFANA = "         Grafana: deploy/compose.yaml has one; into yours import include/dashboards/teleprompt.json."


def what_is_missing() -> str | None:
    """Why there are no metrics, in a line; None where there are."""
    return MISSING if shutil.which("prometheus") is None else None


def metrics_environment(ports: Ports) -> dict[str, str]:
    """What Airflow's processes are told of the collector; nothing where nobody would look at it.

    Metrics alone: with a name for all of OpenTelemetry, MLflow would send its traces there too.
    """
    if what_is_missing():
        return {}
    return {
        "AIRFLOW__METRICS__OTEL_ON": "True",
        "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": f"http://127.0.0.1:{ports.collector}/v1/metrics",
        "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL": "http/protobuf",
        "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE": "delta",
        "OTEL_METRIC_EXPORT_INTERVAL": str(SECONDS * 1000),
    }


def start_monitoring(family: ProcessFamily, ports: Ports) -> str:
    """Start collector and Prometheus; returns where to look, for people."""
    HOME.mkdir(parents=True, exist_ok=True)
    config = HOME / "prometheus.yaml"
    config.write_text(yaml.safe_dump(prometheus_config(ports)), encoding="utf-8")
    env = clean_environment()
    family.start("collector", "-m", "dev.collector", str(ports.collector), env=env, cwd=REPOSITORY)
    address = f"127.0.0.1:{ports.prometheus}"
    family.start(
        "prometheus", f"--config.file={config}", f"--storage.tsdb.path={HOME / 'data'}",
        f"--web.listen-address={address}", program="prometheus", env=env, cwd=HOME,
    )  # fmt: skip
    return f"Metrics  http://{address}\n{NO_GRAFANA}"


def prometheus_config(ports: Ports) -> Mapping[str, object]:
    """That of the cluster, with the addresses and files of this machine."""
    config: dict[str, object] = yaml.safe_load((REPOSITORY / "deploy/monitoring/prometheus.yaml").read_text())
    target = {"targets": [f"127.0.0.1:{ports.collector}"]}
    return {
        **config,
        "rule_files": [str(REPOSITORY / "include/dashboards/teleprompt.rules.yaml")],
        "scrape_configs": [{"job_name": "airflow", "honor_labels": True, "static_configs": [target]}],
    }
