package daemon

import (
	"context"
	"net/http"
	"sync"

	"github.com/banyanrun/banyan/internal/admin"
	"github.com/banyanrun/banyan/internal/fault"
	"github.com/banyanrun/banyan/internal/telemetry/filter"
	"github.com/banyanrun/banyan/internal/telemetry/promapi"
	"github.com/banyanrun/banyan/internal/telemetry/signal"
	banyanv1 "github.com/banyanrun/banyan/proto/banyan/v1"
)

// promPath is where the control socket and the dashboard have the Prometheus HTTP API.
const promPath = "/prometheus/"

// promHandler answers the Prometheus HTTP API, below no path of its own. Requests
// that come while the metrics are being opened wait.
func (d *daemon) promHandler() http.Handler {
	api := sync.OnceValue(func() http.Handler {
		return promapi.New(promapi.Options{Store: d.telemetry.metrics, Rules: rulesOf{d}, Version: d.version, Log: d.log})
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := d.telemetry.ready(r.Context()); err != nil {
			promapi.Fail(w, err)
			return
		}
		api().ServeHTTP(w, r)
	})
}

// tail is how the dashboard's stream follows log records.
func (t seenTelemetry) tail(text string, last int) (func(context.Context, func(*banyanv1.TailLogsResponse) error) error, error) {
	if _, err := filter.Parse(text, filter.Logs); err != nil {
		return nil, err
	}
	if err := t.failed(); err != nil {
		return nil, err
	}
	return func(ctx context.Context, send func(*banyanv1.TailLogsResponse) error) error {
		return t.TailLogs(ctx, text, last, func(logs []signal.Log, missed int64) error {
			return send(admin.Tailed(logs, missed))
		})
	}, nil
}

// failed is why nothing is kept, if that is known already.
func (t seenTelemetry) failed() error {
	select {
	case <-t.daemon.telemetry.opened:
	default:
		return nil
	}
	if t.daemon.telemetry.err == nil {
		return nil
	}
	return fault.New(fault.Unavailable, "there is no telemetry: %w", t.daemon.telemetry.err)
}
