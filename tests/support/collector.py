"""An OTLP endpoint over real HTTP: what the app sends, as the rows that Azure Monitor would keep of it."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality, Metric
from opentelemetry.proto.trace.v1.trace_pb2 import Span

SERVICE = "func-farshore-test"
_KINDS = {"sum": "counter", "gauge": "gauge", "histogram": "histogram"}


@dataclass(frozen=True, slots=True)
class Measured:
    """A data point: `kind` is counter, gauge or histogram; `row` is what AppMetrics would have of it."""

    name: str
    kind: str
    row: dict[str, Any]

    @property
    def dimensions(self) -> dict[str, str]:
        """Its dimensions."""
        return dict(self.row["Properties"])


@dataclass
class Collector:
    """Takes what is sent to `url`."""

    url: str = ""
    measured: list[Measured] = field(default_factory=list)
    spans: list[Span] = field(default_factory=list)
    logs: list[LogRecord] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The rows of AppMetrics so far."""
        return [item.row for item in list(self.measured)]

    @property
    def environment(self) -> dict[str, str]:
        """An app's environment for sending its telemetry here, every half second, each measurement once as to Azure Monitor."""
        return {
            "FARSHORE_TELEMETRY": "otlp",
            "OTEL_SERVICE_NAME": SERVICE,
            "OTEL_EXPORTER_OTLP_ENDPOINT": self.url,
            "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE": "delta",
            "OTEL_METRIC_EXPORT_INTERVAL": "500",
            "OTEL_BSP_SCHEDULE_DELAY": "500",
            "OTEL_BLRP_SCHEDULE_DELAY": "500",
            "FARSHORE_TRACE_SHARE": "1",
        }

    def wait(self, arrived: Callable[["Collector"], bool], seconds: float = 20) -> None:
        """Wait until something has arrived; fails after wall-clock `seconds`."""
        deadline = time.monotonic() + seconds
        while not arrived(self):
            assert time.monotonic() < deadline, f"it did not arrive; what did: {sorted({item.name for item in self.measured})}"
            time.sleep(0.1)  # the real time of real processes

    def take_metrics(self, body: bytes) -> None:
        """Take an export of metrics."""
        for resource in ExportMetricsServiceRequest.FromString(body).resource_metrics:
            role = attributes(resource.resource.attributes).get("service.name", "")
            for metric in (metric for scope in resource.scope_metrics for metric in scope.metrics):
                self.measured += _points(metric, role)

    def take_traces(self, body: bytes) -> None:
        """Take an export of spans."""
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            self.spans += [span for scope in resource.scope_spans for span in scope.spans]

    def take_logs(self, body: bytes) -> None:
        """Take an export of the log."""
        for resource in ExportLogsServiceRequest.FromString(body).resource_logs:
            self.logs += [record for scope in resource.scope_logs for record in scope.log_records]


@contextmanager
def collector() -> Iterator[Collector]:
    """Serve an endpoint on a free port."""
    found = Collector()
    takers = {"/v1/metrics": found.take_metrics, "/v1/traces": found.take_traces, "/v1/logs": found.take_logs}

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # the standard library's name
            body = self.rfile.read(int(self.headers["Content-Length"]))
            found.raw.append(body)
            takers[self.path](body)
            self.send_response(200)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *arguments: object) -> None:  # the standard library's name
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _points(metric: Metric, role: str) -> Iterator[Measured]:
    shape = str(metric.WhichOneof("data"))
    data = getattr(metric, shape)
    if shape != "gauge":
        assert data.aggregation_temporality == AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA, metric.name
    for point in data.data_points:
        if shape == "histogram":
            figures = {"Sum": point.sum, "Min": point.min, "Max": point.max, "ItemCount": point.count}
        else:
            value = point.as_double if point.WhichOneof("value") == "as_double" else float(point.as_int)
            figures = {"Sum": value, "Min": value, "Max": value, "ItemCount": 1}
        row = {
            "TimeGenerated": datetime.fromtimestamp(point.time_unix_nano / 1e9, UTC),
            "Name": metric.name,
            "Properties": attributes(point.attributes),
            "AppRoleName": role,
            **figures,
        }
        yield Measured(metric.name, _KINDS[shape], row)


def attributes(found: Any) -> dict[str, str]:
    """Return attributes of a point, a span or a line of the log that are texts."""
    pairs: list[KeyValue] = list(found)
    return {pair.key: pair.value.string_value for pair in pairs}
