// Sends a trace of two spans, a log record and two metrics by OpenTelemetry's SDK for
// Node, as its environment says; with OTEL_TRACES_EXPORTER=zipkin, the spans alone.
// Tests of what takes them run it. It needs the packages in package.json.
import { diag, metrics, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { logs, SeverityNumber } from '@opentelemetry/api-logs';
import { NodeSDK } from '@opentelemetry/sdk-node';

diag.setLogger({
  error(...what) {
    process.exitCode = 1;
    console.error(...what);
  },
  warn() {},
  info() {},
  debug() {},
  verbose() {},
});

const sdk = new NodeSDK();
sdk.start();

const tracer = trace.getTracer('client', '1.2.3');
tracer.startActiveSpan('GET /orders', { kind: SpanKind.SERVER }, (server) => {
  tracer.startActiveSpan('stock', { kind: SpanKind.CLIENT }, (client) => {
    client.setAttribute('http.response.status_code', 500);
    client.setAttribute('tags', ['a', 'b']);
    client.addEvent('retry');
    client.setStatus({ code: SpanStatusCode.ERROR, message: 'no stock' });
    client.end();
  });
  const meter = metrics.getMeter('client');
  meter.createCounter('orders.placed', { unit: '{order}' }).add(3, { state: 'new' });
  meter.createHistogram('http.server.request.duration', { unit: 's' }).record(0.25);
  logs.getLogger('client').emit({ severityNumber: SeverityNumber.WARN, body: 'low stock' });
  server.end();
});

await sdk.shutdown();
