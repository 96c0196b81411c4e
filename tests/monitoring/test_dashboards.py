"""The dashboards against what a real run sends: each panel's query, run by a real Prometheus where there is one."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
import yaml

from dev.collector import Collected
from teleprompt_airflow.metrics import METRICS, Kind
from tests import REPOSITORY
from tests.loopback import free_port
from tests.monitoring.collecting import collecting
from tests.support import WEEK
from tests.waiting import wait_until

FOLDER = REPOSITORY / "include/dashboards"
PANELS = [
    (panel["title"], target["expr"])
    for panel in json.loads((FOLDER / "teleprompt.json").read_text())["panels"]
    for target in panel["targets"]
]
RULES = [
    (rule["alert"], rule["expr"])
    for group in yaml.safe_load((FOLDER / "teleprompt.rules.yaml").read_text())["groups"]
    for rule in group["rules"]
]
NOT_IN_EVERY_RUN = {"airflow_teleprompt_lm_unpriced_total"}
"""Only where a price is not known."""


def prometheus_name(name: str) -> str:
    return f"airflow_teleprompt_{name}" + ("_total" if METRICS[name].kind is Kind.COUNTER else "")


@pytest.fixture(scope="module")
def collected(tmp_path_factory: pytest.TempPathFactory, _empty_store: Path) -> Iterator[Collected]:
    folder = tmp_path_factory.mktemp("emit")
    shutil.copy(_empty_store, folder / "mlflow.db")
    with collecting() as own:
        env = {
            **os.environ,
            "TELEPROMPT_TRACKING_URI": f"sqlite:///{folder}/mlflow.db",
            "TELEPROMPT_STORAGE_URI": str(folder / "storage"),
            "TELEPROMPT_PROGRAMS_DIR": str(folder / "programs"),
            "TELEPROMPT_SPOOL_DIR": str(folder / "spool"),
            "AIRFLOW__METRICS__OTEL_ON": "True",
            "OTEL_EXPORTER_OTLP_ENDPOINT": own.url,
            "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
            "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE": "delta",
            "PYTHONPATH": f"{REPOSITORY}:{REPOSITORY}/plugins",
        }
        done = subprocess.run(
            [sys.executable, "-m", "tests.monitoring.emit", str(folder)],
            env=env, cwd=REPOSITORY, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-3000:]
        yield own


@pytest.mark.slow
def test_a_run_sends_each_metric_with_its_labels_and_no_other(collected: Collected) -> None:
    sent = {name: labels for name, labels in collected.names().items() if "teleprompt" in name}
    known = {prometheus_name(name): set(metric.labels) for name, metric in METRICS.items()}
    assert sent == {name: labels for name, labels in known.items() if name in sent}
    assert known.keys() - sent.keys() <= NOT_IN_EVERY_RUN
    verdicts = {labels: n for (name, labels), n in collected.values.items() if name.endswith("verdicts_total")}
    assert list(verdicts.values()) == [1.0]


@pytest.mark.slow
def test_each_stage_is_a_span(collected: Collected) -> None:
    stages = ("collect", "baseline", "power", "compile", "select", "gate", "collect")  # the last in vain
    assert [name for name in collected.spans if name.startswith("teleprompt.")] == [f"teleprompt.{s}" for s in stages]


@pytest.mark.parametrize(("title", "query"), [*PANELS, *RULES])
def test_panels_and_rules_name_metrics_and_labels_that_exist(title: str, query: str) -> None:
    names = set(re.findall(r"\bairflow_teleprompt_\w+", query))
    assert names <= {prometheus_name(name) for name in METRICS}, title
    labels = {label for name in METRICS for label in METRICS[name].labels}
    for by in re.findall(r"by \(([^)]*)\)", query):
        assert {label.strip() for label in by.split(",")} <= labels, title


def test_every_metric_is_on_the_dashboard_or_in_a_rule() -> None:
    text = " ".join(query for _, query in [*PANELS, *RULES])
    assert {name for name in METRICS if prometheus_name(name) not in text} == set()


def test_the_documented_table_is_the_one_of_the_code() -> None:
    text = (REPOSITORY / "docs/monitoring.md").read_text()
    rows = re.findall(r"^\| `teleprompt\.(\w+)` \| (\w+) \| (.*?) \| (.*?) \|$", text, re.MULTILINE)
    documented = {name: (kind, tuple(re.findall(r"`(\w+)`", labels)), meaning) for name, kind, labels, meaning in rows}
    assert documented == {name: (m.kind.value, m.labels, m.meaning) for name, m in METRICS.items()}


@pytest.fixture(scope="module")
def prometheus(collected: Collected, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A Prometheus that scrapes the collector."""
    if shutil.which("prometheus") is None:
        pytest.skip("prometheus is not installed (Debian's package of that name)")
    folder = tmp_path_factory.mktemp("prometheus")
    job = {"job_name": "airflow", "static_configs": [{"targets": [collected.url.removeprefix("http://")]}]}
    rules = [str(FOLDER / "teleprompt.rules.yaml")]
    config = {"global": {"scrape_interval": "1s"}, "scrape_configs": [job], "rule_files": rules}
    (folder / "prometheus.yaml").write_text(yaml.safe_dump(config))
    address = f"127.0.0.1:{free_port()}"
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            ["prometheus", f"--config.file={folder}/prometheus.yaml", f"--storage.tsdb.path={folder}/data",
             f"--web.listen-address={address}"],
            stdout=log, stderr=log,
        )  # fmt: skip
        try:
            with httpx.Client(base_url=f"http://{address}/api/v1") as client:
                wait_for_samples(client)
                yield client
        finally:
            process.terminate()
            process.wait(timeout=30)


def wait_for_samples(client: httpx.Client) -> None:
    def scraped() -> bool:
        try:
            answer = client.get("/query", params={"query": "count_over_time(airflow_teleprompt_window_calls[5m])"})
        except httpx.TransportError:
            return False
        found = answer.json()["data"]["result"] if answer.is_success else []
        return bool(found) and float(found[0]["value"][1]) >= 3

    wait_until(scraped, "Prometheus scrapes", seconds=60)


@pytest.mark.slow
@pytest.mark.parametrize(("title", "query"), PANELS)
def test_each_panel_shows_what_was_sent_from_the_first_event_on(
    prometheus: httpx.Client, collected: Collected, title: str, query: str
) -> None:
    for variable, value in (("$program", ".*"), ("$__range", "5m"), ("$__rate_interval", "5m")):
        query = query.replace(variable, value)
    answer = prometheus.get("/query", params={"query": query}).json()
    assert answer["status"] == "success", answer
    assert answer["data"]["result"], f"{title} is empty"
    if title == "Success rate":
        assert sorted(float(series["value"][1]) for series in answer["data"]["result"]) == [0, 1]  # watch, program
        return
    if counter := re.search(r"increase\((\w+)", query):
        shown = sum(float(series["value"][1]) for series in answer["data"]["result"])
        counted = sum(value for (name, _), value in collected.values.items() if name == counter[1])
        assert shown == pytest.approx(counted / 1e6 if "1e6" in query else counted), title


@pytest.mark.slow
def test_prometheus_evaluates_the_rules(prometheus: httpx.Client) -> None:
    (group,) = prometheus.get("/rules").json()["data"]["groups"]
    assert {rule["name"] for rule in group["rules"]} == {name for name, _ in RULES}
    found = {}
    for name, query in RULES:
        answer = prometheus.get("/query", params={"query": query}).json()
        assert answer["status"] == "success", name
        found[name] = bool(answer["data"]["result"])
    assert found == {
        "TelepromptNotifierFails": True,  # one failed, once
        "TelepromptRunFailed": True,
        "TelepromptSpoolGrows": False,
        "TelepromptSetAside": True,
        "TelepromptOutboxWaits": False,
        "TelepromptFallsBehind": datetime.now(UTC) - WEEK.end > timedelta(days=14),
        "TelepromptMuchQuarantined": True,  # of a program all, and nothing was collected
        "TelepromptUnpricedCalls": True,  # nobody has priced the offline engine
    }
