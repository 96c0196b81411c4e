"""What OpenLineage is told of a stage, by the provider's own extraction and client."""

from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.openlineage.extractors.base import DefaultExtractor
from openlineage.client.serde import Serde

from teleprompt.config.settings import Settings
from teleprompt_airflow.operators import BaselineOperator, CollectOperator, CompileOperator
from tests.airflow.test_tasks import context, waited
from tests.support import log_shelf_calls


def extracted(operator: Any, record: Any) -> Any:
    task = SimpleNamespace(xcom_pull=lambda **_: record, map_index=-1)
    return DefaultExtractor(operator).extract_on_complete(task)


@pytest.mark.usefixtures("airflow")
def test_the_way_of_the_data_from_the_traces_to_the_candidate(settings: Settings) -> None:
    log_shelf_calls(settings, count=60)
    stage = {"program": "shelves", "waited": waited()}
    collect = CollectOperator(task_id="collect", **stage)
    snapshot = collect.execute(context())
    found = extracted(collect, snapshot)
    assert [dataset.name for dataset in found.inputs] == ["traces/shelves"]
    assert [(dataset.namespace, dataset.name) for dataset in found.outputs] == [("file", snapshot["manifest"]["uri"])]
    facet = Serde.to_dict(found.run_facets["teleprompt"])
    assert (facet["program"], facet["record"]["trace_count"]) == ("shelves", 60)
    assert facet["_producer"]

    baseline = BaselineOperator(task_id="baseline", **stage).execute(context())
    assert f"models/shelves/{baseline['number']}" in {
        dataset.name for dataset in extracted(BaselineOperator(task_id="again", **stage), baseline).outputs
    }
    compiling = CompileOperator(task_id="compile", snapshot=snapshot, baseline=baseline, seed=0, **stage)
    candidate = compiling.execute(context())
    found = extracted(compiling, candidate)
    assert snapshot["manifest"]["uri"] in {dataset.name for dataset in found.inputs}
    assert [dataset.name for dataset in found.outputs] == [candidate["state"]["uri"]]
