"""MLflow evaluation datasets: inputs with what is expected, as people curate them."""

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from teleprompt.errors import ConfigurationError
from teleprompt.traces.sources import tags
from teleprompt.traces.sources._assessments import EXPECTATION, event, standing
from teleprompt.traces.sources._patience import patiently
from teleprompt.traces.sources._untold import Untold
from teleprompt.traces.sources.raw import DATASET, INPUT_PREFIX, OUTPUT_PREFIX, as_texts, in_order, raw_schema
from teleprompt.tracking.connection import fluent_tracking, quoted
from teleprompt.window import Window

if TYPE_CHECKING:
    import pyarrow as pa
    from mlflow import MlflowClient


class DatasetSource(Untold):
    """Reads an evaluation dataset. A record belongs to every window that ends after it was made."""

    kind = DATASET
    route = "client"

    def __init__(self, client: "MlflowClient", name: str) -> None:
        self._client = client
        self._name = name

    def read(self, program: str, window: Window, *, known: "pa.Table | None" = None) -> Iterator["pa.Table"]:
        """The records that were there when the window ended; whichever program is asked for."""
        import pyarrow as pa

        del program, known
        rows = [_row(record) for record in self._records(window)]
        if rows:
            yield in_order(pa.Table.from_pylist(rows, schema=raw_schema()))

    def count(self, program: str, window: Window, *, enough: int | None = None) -> int:
        """How many records were there when the window ended."""
        del program, enough
        return len(self._records(window))

    def holds(self, program: str, window: Window, number: int) -> bool:
        """Whether so many were."""
        return self.count(program, window) >= number

    def outcomes(self, program: str, window: Window, metric: str) -> int | None:
        """None: a dataset has expectations, no outcomes."""
        del program, window, metric
        return 0

    def _records(self, window: Window) -> list[Any]:
        """Its records.

        Raises:
            ConfigurationError: MLflow has no dataset of that name.
        """
        with fluent_tracking(self._client.tracking_uri):  # records load through the store of the fluent API
            found = patiently(partial(self._client.search_datasets, filter_string=f"name = {quoted(self._name)}"))
            if not found:
                raise ConfigurationError(
                    f"MLflow has no evaluation dataset {self._name!r}; correct `traces.datasets`, or make it first."
                )
            dataset = self._client.get_dataset(found[0].dataset_id)
            records = patiently(lambda: dataset.records)
        return [record for record in records if record.created_time < window.end_ms]


def _row(record: Any) -> dict[str, Any]:
    forms: dict[str, str] = {}
    said = record.tags or {}
    outputs = record.outputs if isinstance(record.outputs, dict) else {}
    return {
        "trace_id": record.dataset_record_id,
        "source": DATASET,
        "started_at_ms": record.created_time,
        "latency_ms": None,
        "failed": False,
        "inputs": as_texts(record.inputs, INPUT_PREFIX, forms),
        "outputs": as_texts(outputs, OUTPUT_PREFIX, forms),
        "forms": list(forms.items()),
        "outcomes": [one._asdict() for one in _expectations(record)],
        "contributor_id": said.get(tags.CONTRIBUTOR_ID),
        "contributor_address": said.get(tags.CONTRIBUTOR_ADDRESS),
        "program_version": None,
        "group": said.get(tags.GROUP),
        "user": record.created_by,
        "assignment_key": None,
        "assignment_share": None,
        "propensity": None,
    }


def _expectations(record: Any) -> Any:
    return standing(
        event(
            name,
            value,
            record.last_update_time,
            kind=EXPECTATION,
            source=record.source_type if record.source_type in {"HUMAN", "CODE"} else "HUMAN",
            rater=None,
            span=None,
            rationale=None,
            metadata=None,
        )
        for name, value in (record.expectations or {}).items()
    )
