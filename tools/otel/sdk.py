"""Sends a trace of two spans, a log record and two metrics by OpenTelemetry's SDK for
Python, as its environment says. Tests of what takes them run it. It needs the packages
in requirements.txt."""

import logging
import os
import sys
import time

from opentelemetry import trace
from opentelemetry._logs import SeverityNumber
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

if os.environ.get("OTEL_EXPORTER_OTLP_PROTOCOL") == "grpc":
    from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
    from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

    os.environ.setdefault("OTEL_EXPORTER_OTLP_INSECURE", "true")
else:
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter


class Failures(logging.Handler):
    """What exporters log is what failed."""

    seen = False

    def emit(self, record):
        Failures.seen = True
        print(record.getMessage(), file=sys.stderr)


logging.getLogger("opentelemetry").addHandler(Failures(logging.WARNING))

tracing = TracerProvider()
tracing.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
metering = MeterProvider([PeriodicExportingMetricReader(OTLPMetricExporter())])
logs = LoggerProvider()
logs.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter()))

tracer = tracing.get_tracer("client", "1.2.3")
meter = metering.get_meter("client")
with tracer.start_as_current_span("GET /orders", kind=trace.SpanKind.SERVER):
    with tracer.start_as_current_span("stock", kind=trace.SpanKind.CLIENT) as client:
        client.set_attribute("http.response.status_code", 500)
        client.set_attribute("tags", ["a", "b"])
        client.add_event("retry")
        client.set_status(trace.Status(trace.StatusCode.ERROR, "no stock"))
    meter.create_counter("orders.placed", unit="{order}").add(3, {"state": "new"})
    meter.create_histogram("http.server.request.duration", unit="s").record(0.25)
    logs.get_logger("client").emit(severity_number=SeverityNumber.WARN, body="low stock", timestamp=time.time_ns())

tracing.shutdown()
metering.shutdown()
logs.shutdown()
sys.exit(Failures.seen)
