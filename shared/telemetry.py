"""Metrics and traces through OpenTelemetry: to Application Insights in Azure, elsewhere to an OTLP endpoint or the console, or nowhere.

Nothing of OpenTelemetry is imported before `setup`, and without it every call here costs a comparison. The names and dimensions of the
metrics are those of infra/alerts/telemetry.json, which the alerts and the workbook read.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from shared.settings import Destination, Settings

if TYPE_CHECKING:
    from opentelemetry.metrics import Counter, Histogram, Meter
    from opentelemetry.metrics import _Gauge as Gauge
    from opentelemetry.trace import Tracer

NAME = "farshore"


class Metric(StrEnum):
    """Every metric that is sent."""

    TICK = "farshore.tick"
    ACCEPTED = "farshore.operations.accepted"
    ENDED = "farshore.operations.ended"
    ATTENTION = "farshore.operations.attention"
    COPIES_IN_FLIGHT = "farshore.copies.in_flight"
    COPIES_STUCK = "farshore.copies.stuck"
    COPY_DURATION = "farshore.copies.duration"
    OBJECTIVE_AGE = "farshore.objective.age"
    OBJECTIVE_LIMIT = "farshore.objective.limit"
    OBJECTIVE_BREACHED = "farshore.objective.breached"
    FAILOVER_DURATION = "farshore.failovers.duration"
    POISON = "farshore.messages.poison"
    REJECTED = "farshore.messages.rejected"
    ARM_CALLS = "farshore.arm.calls"
    ARM_THROTTLED = "farshore.arm.throttled"
    ARM_REMAINING = "farshore.arm.remaining"


_meter: "Meter | None" = None
_tracer: "Tracer | None" = None
_instruments: "dict[str, Counter | Histogram | Gauge]" = {}


def setup(settings: Settings) -> None:
    """Begin to send, as the settings say; call it once, outside the event loop, for its imports take most of a second."""
    global _meter, _tracer  # one per process, as OpenTelemetry's own providers are
    if settings.application_insights:
        _to_application_insights(settings)
    elif settings.telemetry is not Destination.NONE:
        _to_exporters(settings.telemetry)
    else:
        return
    from opentelemetry import metrics, trace

    _meter, _tracer = metrics.get_meter(NAME), trace.get_tracer(NAME)


def count(metric: Metric, number: int = 1, **dimensions: str) -> None:
    """Add to a counter."""
    if _meter is not None:
        _instrument(metric, "create_counter").add(number, dimensions)


def gauge(metric: Metric, value: float, **dimensions: str) -> None:
    """Tell how much there is of something now."""
    if _meter is not None:
        _instrument(metric, "create_gauge").set(value, dimensions)


def record(metric: Metric, value: float, **dimensions: str) -> None:
    """Add a measurement to a histogram; durations are in seconds."""
    if _meter is not None:
        _instrument(metric, "create_histogram").record(value, dimensions)


@contextmanager
def span(name: str, traceparent: str = "", **attributes: str) -> Iterator[None]:
    """Trace a piece of work as a part of the trace that `traceparent` (W3C Trace Context) belongs to, if any."""
    if _tracer is None:
        yield
        return
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    context = TraceContextTextMapPropagator().extract({"traceparent": traceparent}) if traceparent else None
    with _tracer.start_as_current_span(name, context=context, attributes=attributes):
        yield


def current_traceparent(sent: str | None = None) -> str | None:
    """Return the traceparent of the span that is open now, for a message or a row; the one that was `sent` where nothing is traced."""
    if _tracer is None:
        return sent
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    carrier: dict[str, str] = {}
    TraceContextTextMapPropagator().inject(carrier)
    return carrier.get("traceparent", sent)


def _instrument(metric: Metric, make: str) -> Any:  # noqa: ANN401  # one of OpenTelemetry's three kinds
    if metric not in _instruments:
        _instruments[metric] = getattr(_meter, make)(str(metric))
    return _instruments[metric]


def _to_application_insights(settings: Settings) -> None:
    from azure.identity import ManagedIdentityCredential
    from azure.monitor.opentelemetry import configure_azure_monitor

    configure_azure_monitor(
        connection_string=settings.application_insights,
        credential=ManagedIdentityCredential(client_id=settings.identity_client_id),
        sampling_ratio=settings.trace_share,
        logger_name="shared",
        # a status read every few minutes for thousands of copies would cost more than the copies
        instrumentation_options={"azure_sdk": {"enabled": False}, "urllib": {"enabled": False}, "urllib3": {"enabled": False}},
    )


def _to_exporters(destination: Destination) -> None:
    from opentelemetry import metrics, trace
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import ConsoleMetricExporter, MetricExporter, PeriodicExportingMetricReader
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter, SpanExporter

    measured: MetricExporter
    traced: SpanExporter
    if destination is Destination.OTLP:
        from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

        measured, traced = OTLPMetricExporter(), OTLPSpanExporter()
    else:
        measured, traced = ConsoleMetricExporter(), ConsoleSpanExporter()
    metrics.set_meter_provider(MeterProvider([PeriodicExportingMetricReader(measured)]))
    tracers = TracerProvider()
    tracers.add_span_processor(BatchSpanProcessor(traced))
    trace.set_tracer_provider(tracers)
