"""An OpenTelemetry collector on loopback: takes OTLP over HTTP, and shows the metrics as Prometheus reads them.

Names as the OpenTelemetry specification has them for Prometheus: dots become `_`, monotonic sums get `_total`. Deltas
are added up, as the collector's `deltatocumulative` does.
"""

import gzip
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import AGGREGATION_TEMPORALITY_DELTA, Metric

from tests.loopback import Exchange, answering, serving

Series = tuple[str, tuple[tuple[str, str], ...]]


@dataclass
class Collected:
    """Values by name and labels, and the names of spans in the order of their ends."""

    url: str = ""
    values: dict[Series, float] = field(default_factory=dict)
    spans: list[str] = field(default_factory=list)

    def names(self) -> dict[str, set[str]]:
        """Labels of each metric's name."""
        found: dict[str, set[str]] = {}
        for name, labels in self.values:
            found.setdefault(name, set()).update(label for label, _ in labels)
        return found

    def exposition(self) -> str:
        """The Prometheus text format."""
        lines = []
        for (name, labels), value in sorted(self.values.items()):
            inside = ",".join(f'{label}="{text}"' for label, text in labels)
            lines.append(f"{name}{{{inside}}} {value}")
        return "\n".join(lines) + "\n"

    def take(self, metric: Metric) -> None:
        """Keep a metric's points."""
        name = re.sub(r"[^a-zA-Z0-9_:]", "_", metric.name)
        if metric.HasField("sum"):
            name = f"{name}_total" if metric.sum.is_monotonic else name
            adds_up = metric.sum.aggregation_temporality == AGGREGATION_TEMPORALITY_DELTA
            points = metric.sum.data_points
        elif metric.HasField("gauge"):
            adds_up, points = False, metric.gauge.data_points
        else:
            return
        for point in points:
            labels = tuple(sorted((a.key, a.value.string_value) for a in point.attributes))
            value = point.as_double if point.HasField("as_double") else float(point.as_int)
            key = (name, labels)
            self.values[key] = self.values.get(key, 0) + value if adds_up else value


@contextmanager
def collecting() -> Iterator[Collected]:
    collected = Collected()

    class Handler(Exchange):
        def respond(self) -> None:
            if self.command == "GET":
                self.answer(200, collected.exposition().encode(), content_type="text/plain; version=0.0.4")
                return
            body = self.body()
            body = gzip.decompress(body) if self.headers.get("content-encoding") == "gzip" else body
            if self.path == "/v1/metrics":
                for resource in ExportMetricsServiceRequest.FromString(body).resource_metrics:
                    for scope in resource.scope_metrics:
                        for metric in scope.metrics:
                            collected.take(metric)
            else:
                for spans in ExportTraceServiceRequest.FromString(body).resource_spans:
                    collected.spans += [span.name for scope in spans.scope_spans for span in scope.spans]
            self.answer(200)

    with serving(answering(Handler)) as collected.url:
        yield collected
