"""What each stage read and wrote, for OpenLineage (https://openlineage.io/spec): as Airflow's provider asks for it.

Datasets are named as OpenLineage names them: a namespace, where the data lies, and a name in it. Traces and versions
lie in MLflow, whose address is the namespace; what the storage holds goes by its URI.
"""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from teleprompt.encoding.secret_uri import SecretUri, without_credentials

if TYPE_CHECKING:
    from airflow.providers.openlineage.extractors import OperatorLineage
    from openlineage.client.event_v2 import Dataset

FACET = "teleprompt"


def lineage_of(
    *,
    program: str,
    window: Mapping[str, Any],
    tracking_uri: SecretUri,
    given: Mapping[str, Any],
    record: Mapping[str, Any],
) -> "OperatorLineage[Any, Any]":
    """The lineage of one stage: `given` are the records that it got, by their names, `record` the one it returned."""
    from airflow.providers.openlineage.extractors import OperatorLineage

    mlflow = urlsplit(without_credentials(tracking_uri.get_secret_value()))
    place = f"{mlflow.scheme}://{mlflow.hostname or ''}" + (f":{mlflow.port}" if mlflow.port else "")
    inputs = [dataset for name, value in given.items() for dataset in _datasets(value, place, name)]
    if not inputs:
        inputs = [_dataset(place, f"traces/{program}")]
    outputs = list(_datasets(record, place, program))
    figures = {key: value for key, value in record.items() if isinstance(value, int | float | str)}
    facet = _facet(program=program, window_start=str(window["start"]), window_end=str(window["end"]), record=figures)
    return OperatorLineage(inputs=inputs, outputs=outputs, run_facets={FACET: facet})


def _datasets(record: Any, mlflow: str, name: str) -> Iterator["Dataset"]:
    """A record's files; of a registered version the version too."""
    if isinstance(record, list | tuple):
        for part in record:
            yield from _datasets(part, mlflow, name)
    elif isinstance(record, Mapping):
        if {"uri", "digest"} == record.keys():
            yield _blob(str(record["uri"]))
        if "number" in record and "version_id" in record:
            yield _dataset(mlflow, f"models/{record.get('name', name)}/{record['number']}")
        for part in record.values():
            if isinstance(part, Mapping):
                yield from _datasets(part, mlflow, name)


def _blob(uri: str) -> "Dataset":
    parts = urlsplit(uri)
    if not parts.scheme:
        return _dataset("file", uri)
    return _dataset(f"{parts.scheme}://{parts.netloc}", parts.path.lstrip("/"))


def _dataset(namespace: str, name: str) -> "Dataset":
    from openlineage.client.event_v2 import Dataset

    return Dataset(namespace=namespace, name=name)


def _facet(**values: Any) -> Any:
    """A run facet of our own: the program, its window, and the figures of the stage's record."""
    import attr
    from openlineage.client.generated.base import RunFacet

    kind: Any = attr.make_class(
        "TelepromptRunFacet", {name: attr.ib() for name in values}, bases=(RunFacet,), kw_only=True
    )
    return kind(**values)
