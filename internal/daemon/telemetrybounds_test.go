package daemon

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/banyanrun/banyan/appfile"
	"github.com/banyanrun/banyan/internal/model"
	"github.com/banyanrun/banyan/internal/telemetry"
	"github.com/banyanrun/banyan/internal/telemetry/metrics"
)

// openRoom is a room of telemetry whose stores are open.
func openRoom(t *testing.T, app *model.App) *telemetryRoom {
	t.Helper()
	r := &telemetryRoom{log: slog.New(slog.DiscardHandler), dir: t.TempDir()}
	if err := r.open(keepingOf(app)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// TestBoundsFollowTheApp: how much is kept is what the app says that is in force, all of
// it together no more than the file says.
func TestBoundsFollowTheApp(t *testing.T) {
	app := &model.App{Services: map[string]*model.Service{"order": {}}}
	r := openRoom(t, app)
	limit := func() int64 {
		n := r.metrics.Status().Limit
		for _, s := range r.store.Status() {
			n += s.Limit
		}
		return n
	}
	if n := limit(); n != 2<<30 {
		t.Errorf("%d bytes", n)
	}
	app.Telemetry = &appfile.Telemetry{Retention: &appfile.TelemetryRetention{Size: 64 << 20, Time: appfile.Duration(time.Hour)}}
	r.bound(app)
	if n, age := limit(), r.store.MaxAge(); n != 64<<20 || age != time.Hour {
		t.Errorf("%d bytes, %v", n, age)
	}
}

// TestTooManySeriesAreTold: a service whose series are refused is named among the drops.
func TestTooManySeriesAreTold(t *testing.T) {
	m, err := metrics.Open(metrics.Options{Dir: t.TempDir(), MaxSeries: 10})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	var samples []metrics.Sample
	for i := range 20 {
		samples = append(samples, metrics.Sample{Labels: metrics.Named("n", "service", "order", "user", strings.Repeat("x", i+1)), Time: time.Now().UnixMilli()})
	}
	if err := m.Append(context.Background(), samples); err != nil {
		t.Fatal(err)
	}
	st := m.Status()
	if got := notTaken(&st); len(got) != 1 || got[0] != (telemetry.Drop{Where: "metrics", Reason: "too many series of order", Count: 12}) {
		t.Errorf("%+v, of %+v", got, st)
	}
}
