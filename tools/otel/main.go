// Command otel sends a trace of two spans, a log record and two metrics by
// OpenTelemetry's SDK for Go, as its environment says. Tests of what takes them run it.
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploggrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploghttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	otellog "go.opentelemetry.io/otel/log"
	"go.opentelemetry.io/otel/metric"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	failed := false
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) {
		failed = true
		fmt.Fprintln(os.Stderr, err)
	}))
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if failed {
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	spans, metrics, logs, err := exporters(ctx)
	if err != nil {
		return err
	}
	tracing := sdktrace.NewTracerProvider(sdktrace.WithBatcher(spans))
	metering := sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewPeriodicReader(metrics)))
	logging := sdklog.NewLoggerProvider(sdklog.WithProcessor(sdklog.NewBatchProcessor(logs)))

	tracer := tracing.Tracer("client", trace.WithInstrumentationVersion("1.2.3"))
	in, server := tracer.Start(ctx, "GET /orders", trace.WithSpanKind(trace.SpanKindServer))
	_, client := tracer.Start(in, "stock", trace.WithSpanKind(trace.SpanKindClient))
	client.SetAttributes(attribute.Int("http.response.status_code", 500), attribute.StringSlice("tags", []string{"a", "b"}))
	client.AddEvent("retry")
	client.SetStatus(codes.Error, "no stock")
	client.End()

	meter := metering.Meter("client")
	count, err := meter.Int64Counter("orders.placed", metric.WithUnit("{order}"))
	if err != nil {
		return err
	}
	count.Add(in, 3, metric.WithAttributes(attribute.String("state", "new")))
	took, err := meter.Float64Histogram("http.server.request.duration", metric.WithUnit("s"))
	if err != nil {
		return err
	}
	took.Record(in, 0.25)

	var record otellog.Record
	record.SetTimestamp(time.Now())
	record.SetSeverity(otellog.SeverityWarn)
	record.SetBody(attribute.StringValue("low stock"))
	logging.Logger("client").Emit(in, record)
	server.End()

	for _, end := range []func(context.Context) error{tracing.Shutdown, metering.Shutdown, logging.Shutdown} {
		if err := end(ctx); err != nil {
			return err
		}
	}
	return nil
}

// exporters are those of the protocol that the environment names.
func exporters(ctx context.Context) (sdktrace.SpanExporter, sdkmetric.Exporter, sdklog.Exporter, error) {
	if os.Getenv("OTEL_EXPORTER_OTLP_PROTOCOL") == "grpc" {
		spans, err := otlptracegrpc.New(ctx)
		if err != nil {
			return nil, nil, nil, err
		}
		metrics, err := otlpmetricgrpc.New(ctx)
		if err != nil {
			return nil, nil, nil, err
		}
		logs, err := otlploggrpc.New(ctx)
		return spans, metrics, logs, err
	}
	spans, err := otlptracehttp.New(ctx, otlptracehttp.WithCompression(otlptracehttp.GzipCompression))
	if err != nil {
		return nil, nil, nil, err
	}
	metrics, err := otlpmetrichttp.New(ctx)
	if err != nil {
		return nil, nil, nil, err
	}
	logs, err := otlploghttp.New(ctx)
	return spans, metrics, logs, err
}
