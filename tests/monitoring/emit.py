"""A run's tasks one after the other, with Airflow's metrics and traces sent to a collector; a process of its own."""

import json
import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from airflow.listeners.listener import get_listener_manager
from airflow.sdk import BaseHook, Connection
from airflow.sdk.exceptions import AirflowFailException, AirflowNotFoundException
from airflow.sdk.observability import stats
from airflow.sdk.observability.metrics import stats_utils
from airflow.utils.types import DagRunType
from opentelemetry import metrics, trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from teleprompt.config.program import ProgramConfig
from teleprompt.config.settings import Settings
from teleprompt.environment import configure_third_party
from teleprompt.traces.submission.spool import Spool
from teleprompt.traces.submission.submit import accept
from teleprompt.tracking.connection import mlflow_client
from teleprompt.window import format_utc
from teleprompt_airflow.api._spool_writer import SPOOL_WRITER
from teleprompt_airflow.assets import ended_asset
from teleprompt_airflow.dags.program import program_dags
from teleprompt_airflow.notifications.failure import FailureAlert
from teleprompt_airflow.operators import (
    BaselineOperator,
    CollectOperator,
    CompileOperator,
    ConcludeOperator,
    GateOperator,
    PowerOperator,
    SelectOperator,
    WatchOperator,
)
from teleprompt_airflow.sensors.trace_volume import TraceVolumeSensor
from tests.support import WEEK, log_run, log_shelf_calls, write_program

PROGRAM = """
name: Shelves
optimization: {min_traces: 20}
alerts: {rules: [{events: [deltaone, rejection, low_power], notifier: nowhere.Notifier}]}
chain: {adapter: eas, chain_id: 1, contract: "0x1111111111111111111111111111111111111111",
        schema_registry: "0x2222222222222222222222222222222222222222"}
"""


def main(folder: Path) -> None:
    configure_third_party()
    settings = Settings()
    write_program(folder / "programs", yaml=PROGRAM)
    give_connections(settings)
    stats.initialize(factory=stats_utils.get_stats_factory(), export_legacy_names=False)
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    log_shelf_calls(settings, count=80)
    log_unusable(settings)
    run_tasks()
    collect_in_vain(settings, folder)
    end_runs()
    hand_in_in_vain(settings)
    SPOOL_WRITER._write()
    metrics.get_meter_provider().force_flush()  # type: ignore[attr-defined]


def run_tasks() -> None:
    (dag, *_) = program_dags(Path(os.environ["TELEPROMPT_PROGRAMS_DIR"]))
    context = run_context()
    waited = dag.task_dict["wait_for_traces"].execute(context)
    stage: dict[str, Any] = {"program": "shelves", "waited": waited}
    snapshot = CollectOperator(task_id="collect", **stage).execute(context)
    baseline = BaselineOperator(task_id="baseline", **stage).execute(context)
    PowerOperator(task_id="power", snapshot=snapshot, **stage).execute(context)
    compiling = CompileOperator(task_id="compile", snapshot=snapshot, baseline=baseline, seed=0, **stage)
    candidates = [compiling.execute(context)]
    selection = SelectOperator(task_id="select", snapshot=snapshot, candidates=candidates, **stage).execute(context)
    records = {"snapshot": snapshot, "selection": selection, "baseline": baseline}
    GateOperator(task_id="gate", **records, **stage).execute(context)
    ConcludeOperator(task_id="conclude", ended=ended_asset("shelves"), **stage).execute(context)
    WatchOperator(task_id="watch", program="shelves").execute(context)


def end_runs() -> None:
    """As the scheduler ends runs, and a task that failed for good calls back."""
    listeners = get_listener_manager().hook
    listeners.on_dag_run_success(
        dag_run=SimpleNamespace(dag_id="teleprompt_shelves", note=None, task_instances=[]), msg=""
    )
    listeners.on_dag_run_success(dag_run=SimpleNamespace(dag_id="somebody_elses", note=None, task_instances=[]), msg="")
    listeners.on_dag_run_failed(
        dag_run=SimpleNamespace(dag_id="teleprompt_shelves.watch", note=None, task_instances=[]), msg=""
    )
    task = SimpleNamespace(
        dag_id="d", run_id="r", task_id="watch", map_index=-1, log_url="", note=None, task_instances=[]
    )
    FailureAlert(program="shelves")({"ti": task, "exception": AirflowFailException("version 2 does worse")})


def collect_in_vain(settings: Settings, folder: Path) -> None:
    """A program with enough calls, none of which can be used."""
    write_program(folder / "programs", name="useless", yaml="name: Useless\noptimization: {min_traces: 20}\n")
    with mlflow_client(settings.tracking_uri) as client:
        shop = client.get_experiment_by_name("shop").experiment_id
        for i in range(20):
            call = {"inputs": {"thing": f"thing {i}"}, "outputs": {"shelf": "left"}, "metrics": {"outcome_score": 7}}
            log_run(client, shop, program="Useless", **call)
    context = run_context()
    sensor = TraceVolumeSensor(task_id="wait_for_traces", program="useless", max_wait=timedelta(days=1))
    try:
        CollectOperator(task_id="collect", program="useless", waited=sensor.execute(context)).execute(context)
    except AirflowFailException as error:
        if "outcome_out_of_range 20" not in str(error):
            raise
    else:
        raise AssertionError("calls with an impossible outcome were used")


def hand_in_in_vain(settings: Settings) -> None:
    """An outcome of a call that nobody knows."""
    config = ProgramConfig(name="Shelves", slug="shelves")
    accept(Spool(settings.spool_dir), config, [{"trace_id": "nobody", "outcomes": {"outcome_score": 1}}])


def run_context() -> dict[str, Any]:
    ended = ended_asset("shelves")
    return {
        "dag_run": SimpleNamespace(run_type=DagRunType.MANUAL, run_after=datetime.now(UTC), run_id="manual__1"),
        "params": {"window_start": format_utc(WEEK.start), "window_end": format_utc(WEEK.end)},
        "ti": SimpleNamespace(task_id="conclude", xcom_pull=lambda **_: None, xcom_push=lambda **_: None),
        "outlet_events": {ended: SimpleNamespace(extra={})},
    }


def log_unusable(settings: Settings) -> None:
    """A call whose input is missing."""
    import mlflow

    client = mlflow.MlflowClient(settings.tracking_uri.get_secret_value())
    experiment = client.search_experiments(filter_string="name LIKE 'production%'") or client.search_experiments()
    run = client.create_run(
        experiment[0].experiment_id, start_time=WEEK.start_ms + 1000, tags={"dspy_program_name": "Shelves"}
    )
    client.log_metric(run.info.run_id, "outcome_score", 1.0)
    client.set_terminated(run.info.run_id, end_time=WEEK.start_ms + 2000)


def give_connections(settings: Settings) -> None:
    extras = {
        "mlflow_default": {"tracking_uri": settings.tracking_uri.get_secret_value()},
        "teleprompt_storage": {"uri": settings.storage_uri},
    }

    def get(conn_id: str) -> Connection:
        if conn_id not in extras:
            raise AirflowNotFoundException(conn_id)
        return Connection(conn_id=conn_id, conn_type="generic", extra=json.dumps(extras[conn_id]))

    BaseHook.get_connection = staticmethod(get)  # type: ignore[method-assign,assignment]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
