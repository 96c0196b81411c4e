"""A small OpenTelemetry collector: takes OTLP over HTTP, and shows the metrics as Prometheus reads them.

For one machine, where none is to be had; `deploy/` has the real one. Names as the OpenTelemetry specification has them
for Prometheus: dots become `_`, monotonic sums get `_total`. Deltas are added up whoever sent them, as the collector of
`deploy/monitoring` does.
"""

import gzip
import re
import sys
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import AGGREGATION_TEMPORALITY_DELTA, Metric

Series = tuple[str, tuple[tuple[str, str], ...]]


@dataclass
class Collected:
    """Values by name and labels, and the names of spans in the order of their ends."""

    url: str = ""
    values: dict[Series, float] = field(default_factory=dict)
    spans: list[str] = field(default_factory=list)
    _lock: Lock = field(default_factory=Lock)

    def names(self) -> dict[str, set[str]]:
        """Labels of each metric's name."""
        found: dict[str, set[str]] = {}
        for name, labels in self.values:
            found.setdefault(name, set()).update(label for label, _ in labels)
        return found

    def exposition(self) -> str:
        """The Prometheus text format."""
        with self._lock:
            values = sorted(self.values.items())
        lines = []
        for (name, labels), value in values:
            inside = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels)
            lines.append(f"{name}{{{inside}}} {value}")
        return "\n".join(lines) + "\n"

    def take_metrics(self, body: bytes) -> None:
        """Keep the points of an OTLP request."""
        with self._lock:
            for resource in ExportMetricsServiceRequest.FromString(body).resource_metrics:
                for scope in resource.scope_metrics:
                    for metric in scope.metrics:
                        self._take(metric)

    def take_spans(self, body: bytes) -> None:
        """Keep the names of an OTLP request's spans."""
        for spans in ExportTraceServiceRequest.FromString(body).resource_spans:
            self.spans += [span.name for scope in spans.scope_spans for span in scope.spans]

    def _take(self, metric: Metric) -> None:
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
            labels = tuple(sorted((_label(a.key), a.value.string_value) for a in point.attributes))
            value = point.as_double if point.HasField("as_double") else float(point.as_int)
            key = (name, labels)
            self.values[key] = self.values.get(key, 0) + value if adds_up else value


def collector(collected: Collected, port: int = 0) -> ThreadingHTTPServer:
    """The server on loopback that fills `collected` and shows it; by default on a free port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(collected.exposition().encode(), "text/plain; version=0.0.4")

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            body = gzip.decompress(body) if self.headers.get("content-encoding") == "gzip" else body
            (collected.take_metrics if self.path == "/v1/metrics" else collected.take_spans)(body)
            self._answer(b"", "application/x-protobuf")

        def log_message(self, *_: object) -> None:
            """Nothing."""

        def _answer(self, body: bytes, content_type: str) -> None:
            self.send_response(200)
            self.send_header("content-type", content_type)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    return ThreadingHTTPServer(("127.0.0.1", port), Handler)


def _label(name: str) -> str:
    return re.sub(r"[^a-zA-Z0-9_]", "_", name)


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


if __name__ == "__main__":
    collector(Collected(), int(sys.argv[1])).serve_forever()
