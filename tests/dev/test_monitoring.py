"""The metrics of `make up`."""

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import AGGREGATION_TEMPORALITY_DELTA

from dev.collector import Collected
from dev.local import free_ports
from dev.monitoring import metrics_environment, prometheus_config, what_is_missing


def test_without_prometheus_one_line_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    line = what_is_missing()
    assert line is not None
    assert "apt install prometheus" in line
    assert "\n" not in line
    assert metrics_environment(free_ports()) == {}


def test_its_prometheus_has_the_projects_rules_and_finds_the_collector(tmp_path: Path) -> None:
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not installed (Debian's package prometheus)")
    ports = free_ports()
    file = tmp_path / "prometheus.yaml"
    file.write_text(yaml.safe_dump(prometheus_config(ports)))
    done = subprocess.run(["promtool", "check", "config", str(file)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "8 rules found" in done.stdout
    assert f"127.0.0.1:{ports.collector}" in file.read_text()


def test_what_two_processes_counted_is_one_series() -> None:
    collected = Collected()
    for process in ("a", "b"):
        collected.take_metrics(counted(2, process=process, program='say "hi"'))
    assert collected.exposition() == 'airflow_teleprompt_runs_total{program="say \\"hi\\""} 4.0\n'


def counted(value: int, *, process: str, program: str) -> bytes:
    request = ExportMetricsServiceRequest()
    resource = request.resource_metrics.add()
    resource.resource.attributes.add(key="service.instance.id").value.string_value = process
    metric = resource.scope_metrics.add().metrics.add(name="airflow.teleprompt.runs")
    metric.sum.is_monotonic, metric.sum.aggregation_temporality = True, AGGREGATION_TEMPORALITY_DELTA
    point = metric.sum.data_points.add(as_int=value)
    point.attributes.add(key="program").value.string_value = program
    return request.SerializeToString()
