"""Collector, Prometheus and Grafana of the Compose file: Prometheus' own tool checks its part; the rest has to fit."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests import REPOSITORY
from tests.deploy.test_deployment_files import SERVICES, environment

FOLDER = REPOSITORY / "deploy/monitoring"


def read(name: str) -> Any:
    return yaml.safe_load((FOLDER / name).read_text())


def mounted(service: str) -> dict[str, Path]:
    """Files of the project by where the service finds them."""
    files = [volume.split(":") for volume in SERVICES[service]["volumes"] if volume.startswith(".")]
    return {inside: (REPOSITORY / "deploy" / outside).resolve() for outside, inside, _ in files}


def test_the_collector_adds_up_what_all_processes_send() -> None:
    config = read("collector.yaml")
    (pipeline,) = config["service"]["pipelines"].values()
    for part in ("receivers", "processors", "exporters"):
        assert set(pipeline[part]) == set(config[part])
    assert pipeline["processors"] == ["resource", "deltatocumulative"]
    assert config["processors"]["resource"]["attributes"] == [{"key": "service.instance.id", "action": "delete"}]
    env = environment("worker-1")
    port = config["receivers"]["otlp"]["protocols"]["http"]["endpoint"].rpartition(":")[2]
    assert env["OTEL_EXPORTER_OTLP_METRICS_ENDPOINT"] == f"http://collector:{port}/v1/metrics"
    assert env["OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE"] == "delta"
    (command,) = SERVICES["collector"]["command"]
    assert mounted("collector") == {command.partition("=")[2]: FOLDER / "collector.yaml"}


def test_what_the_page_documents_is_the_collectors_configuration() -> None:
    (block,) = re.findall(r"```yaml\n(processors:.*?)```", (REPOSITORY / "docs/monitoring.md").read_text(), re.DOTALL)
    config = read("collector.yaml")
    assert yaml.safe_load(block) == {key: config[key] for key in ("processors", "exporters")}


def test_prometheus_reads_the_collector_and_the_rules(tmp_path: Path) -> None:
    config = read("prometheus.yaml")
    (scrape,) = config["scrape_configs"]
    port = read("collector.yaml")["exporters"]["prometheus"]["endpoint"].rpartition(":")[2]
    assert scrape["static_configs"] == [{"targets": [f"collector:{port}"]}]
    files = mounted("prometheus")
    options = dict(option.removeprefix("--").split("=", 1) for option in SERVICES["prometheus"]["command"])
    assert files[options["config.file"]] == FOLDER / "prometheus.yaml"
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not installed (Debian's package prometheus)")
    for inside, file in files.items():
        shutil.copy(file, tmp_path / Path(inside).name)
    done = subprocess.run(
        ["promtool", "check", "config", str(tmp_path / Path(options["config.file"]).name)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "8 rules found" in done.stdout


def test_grafana_finds_its_data_source_and_the_dashboard() -> None:
    files = mounted("grafana")
    (source,) = read("grafana-datasources.yaml")["datasources"]
    assert (source["type"], source["url"], source["isDefault"]) == ("prometheus", "http://prometheus:9090", True)
    (provider,) = read("grafana-dashboards.yaml")["providers"]
    (dashboard,) = (file for inside, file in files.items() if inside.startswith(provider["options"]["path"]))
    board = json.loads(dashboard.read_text())
    (variable,) = (one for one in board["templating"]["list"] if one["type"] == "datasource")
    assert variable["query"] == source["type"]
    places = {tuple(panel["gridPos"][key] for key in "xy") for panel in board["panels"]}
    assert len(places) == len(board["panels"]) == len({panel["id"] for panel in board["panels"]})


def test_errors_go_nowhere_until_there_is_a_dsn() -> None:
    env = environment("worker-1")
    assert (env["AIRFLOW__SENTRY__SENTRY_ON"], env["AIRFLOW__SENTRY__SENTRY_DSN"]) == ("True", "")
    assert env["AIRFLOW__SENTRY__INCLUDE_LOCAL_VARIABLES"] == "False"
