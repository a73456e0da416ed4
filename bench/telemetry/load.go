package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"

	"github.com/banyanrun/banyan/internal/telemetry/otlp"
	"github.com/banyanrun/banyan/internal/telemetry/signal"
)

// load sends telemetry by OTLP/HTTP in protobuf, as collectors and SDKs do.
type load struct {
	client  http.Client
	url     string // of the receiver, without a path
	refused int    // requests that were to come again
}

// post sends one request until it is taken.
func (l *load) post(ctx context.Context, path string, body []byte) error {
	for {
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, l.url+path, bytes.NewReader(body))
		if err != nil {
			return err
		}
		r.Header.Set("Content-Type", "application/x-protobuf")
		resp, err := l.client.Do(r)
		if err != nil {
			return err
		}
		text, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
		_ = resp.Body.Close() // read
		switch {
		case err != nil:
			return err
		case resp.StatusCode == http.StatusOK:
			return nil
		case resp.StatusCode != http.StatusServiceUnavailable && resp.StatusCode != http.StatusTooManyRequests:
			return fmt.Errorf("%s: %s: %s", path, resp.Status, text)
		}
		l.refused++
		after, _ := strconv.Atoi(resp.Header.Get("Retry-After"))
		select {
		case <-time.After(max(time.Duration(after)*time.Second, 10*time.Millisecond)):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (l *load) spans(ctx context.Context, spans []signal.Span) error {
	body, err := ptraceotlp.NewExportRequestFromTraces(otlp.Traces(spans)).MarshalProto()
	if err != nil {
		return err
	}
	return l.post(ctx, "/v1/traces", body)
}

// services are those whose series are sent.
const services = 10

// series sends a value of each of n series, of ten services, in requests of 5,000.
func (l *load) series(ctx context.Context, n int, now time.Time) error {
	const most = 5000
	for s := range services {
		for from := 0; from < n/services; from += most {
			all := pmetric.NewMetrics()
			r := all.ResourceMetrics().AppendEmpty()
			r.Resource().Attributes().PutStr("service.name", "service-"+strconv.Itoa(s))
			m := r.ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
			m.SetName("bench.handled")
			sum := m.SetEmptySum()
			sum.SetIsMonotonic(true)
			sum.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
			for i := from; i < min(from+most, n/services); i++ {
				p := sum.DataPoints().AppendEmpty()
				p.Attributes().PutStr("shard", strconv.Itoa(i%100))
				p.Attributes().PutStr("handler", "handler-"+strconv.Itoa(i/100))
				p.SetTimestamp(pcommon.NewTimestampFromTime(now))
				p.SetIntValue(now.Unix() % 100_000 * int64(i))
			}
			body, err := pmetricotlp.NewExportRequestFromMetrics(all).MarshalProto()
			if err != nil {
				return err
			}
			if err := l.post(ctx, "/v1/metrics", body); err != nil {
				return err
			}
		}
	}
	return nil
}

// fetch gets what a query API says, and how many bytes that are.
func fetch(ctx context.Context, c *http.Client, url string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return nil, err
	}
	resp, err := c.Do(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	var body io.Reader = resp.Body
	if resp.Header.Get("Content-Encoding") == "gzip" {
		if body, err = gzip.NewReader(body); err != nil {
			return nil, err
		}
	}
	text, err := io.ReadAll(body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s: %.300s", url, resp.Status, text)
	}
	return text, err
}
