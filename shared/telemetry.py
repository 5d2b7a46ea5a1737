"""Metrics, traces and logs through OpenTelemetry: to Application Insights in Azure, else to an OTLP endpoint, the console, or nowhere.

Nothing of OpenTelemetry is imported before `setup`, and without it every call here costs a comparison. The names and dimensions of the
metrics are those of infra/alerts/telemetry.json, which the alerts and the workbook read.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from shared.settings import Destination, Settings

if TYPE_CHECKING:
    from opentelemetry.metrics import Counter, Histogram, Meter
    from opentelemetry.metrics import _Gauge as Gauge
    from opentelemetry.sdk._logs.export import LogRecordExporter
    from opentelemetry.sdk.metrics.export import MetricExporter
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import Tracer

NAME = "farshore"
_LOGGED = "shared"
"""The package whose log is sent, with the members of `extra` as its attributes; what the platform logs, it sends itself."""


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
    SLOTS_MISSING = "farshore.policies.slots_missing"
    DELETIONS_HELD = "farshore.deletions.held"
    FAILOVER_DURATION = "farshore.failovers.duration"
    CERTIFICATE_ENDS = "farshore.azure_pack.certificates_ending"
    POISON = "farshore.messages.poison"
    REJECTED = "farshore.messages.rejected"
    ARM_CALLS = "farshore.arm.calls"
    ARM_THROTTLED = "farshore.arm.throttled"
    ARM_REMAINING = "farshore.arm.remaining"


_meter: "Meter | None" = None
_tracer: "Tracer | None" = None
_instruments: "dict[str, Counter | Histogram | Gauge]" = {}


def setup(settings: Settings) -> None:
    """Begin to send, by the settings; call it once, outside the event loop, for its imports take most of a second."""
    global _meter, _tracer  # one per process, as OpenTelemetry's own providers are
    if settings.application_insights:
        _to_application_insights(settings)
    elif settings.telemetry is not Destination.NONE:
        _to_exporters(settings)
    else:
        return
    from opentelemetry import metrics, trace

    _meter, _tracer = metrics.get_meter(NAME), trace.get_tracer(NAME)


def count(metric: Metric, number: int = 1, **dimensions: str) -> None:
    """Add to a counter."""
    if _meter is not None:
        _instrument(metric, "create_counter").add(number, dimensions)


def gauge(metric: Metric, value: float, **dimensions: str) -> None:
    """Record the present amount of something."""
    if _meter is not None:
        _instrument(metric, "create_gauge").set(value, dimensions)


def record(metric: Metric, value: float, **dimensions: str) -> None:
    """Add a measurement to a histogram; durations are in seconds."""
    if _meter is not None:
        _instrument(metric, "create_histogram").record(value, dimensions)


@contextmanager
def span(name: str, traceparent: str = "", **attributes: str) -> Iterator[None]:
    """Trace a piece of work as a part of the trace that `traceparent` (W3C Trace Context) belongs to, if any.

    What it raises is not recorded: a refusal or a wait is no error, an error is in the log beside the trace, and what is behind a
    refusal of an input may quote a secret.
    """
    if _tracer is None:
        yield
        return
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    context = TraceContextTextMapPropagator().extract({"traceparent": traceparent}) if traceparent else None
    with _tracer.start_as_current_span(name, context=context, attributes=attributes, record_exception=False, set_status_on_exception=False):
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
        logger_name=_LOGGED,
        # a status read every few minutes for thousands of copies would cost more than the copies
        instrumentation_options={"azure_sdk": {"enabled": False}, "urllib": {"enabled": False}, "urllib3": {"enabled": False}},
    )


def _to_exporters(settings: Settings) -> None:
    from opentelemetry import metrics, trace
    from opentelemetry.instrumentation.logging.handler import LoggingHandler
    from opentelemetry.sdk._logs import LoggerProvider
    from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.sdk.trace.sampling import TraceIdRatioBased

    measured, traced, logged = _to_otlp() if settings.telemetry is Destination.OTLP else _to_console()
    metrics.set_meter_provider(MeterProvider([PeriodicExportingMetricReader(measured)]))
    tracers = TracerProvider(sampler=TraceIdRatioBased(settings.trace_share))
    tracers.add_span_processor(BatchSpanProcessor(traced))
    trace.set_tracer_provider(tracers)
    logs = LoggerProvider()
    logs.add_log_record_processor(BatchLogRecordProcessor(logged))
    logging.getLogger(_LOGGED).addHandler(LoggingHandler(logger_provider=logs))


def _to_otlp() -> "tuple[MetricExporter, SpanExporter, LogRecordExporter]":
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    return OTLPMetricExporter(), OTLPSpanExporter(), OTLPLogExporter()


def _to_console() -> "tuple[MetricExporter, SpanExporter, LogRecordExporter]":
    from opentelemetry.sdk._logs.export import ConsoleLogRecordExporter
    from opentelemetry.sdk.metrics.export import ConsoleMetricExporter
    from opentelemetry.sdk.trace.export import ConsoleSpanExporter

    return ConsoleMetricExporter(), ConsoleSpanExporter(), ConsoleLogRecordExporter()
