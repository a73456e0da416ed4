package daemon

import (
	"cmp"
	"context"
	"maps"
	"math"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/banyanrun/banyan/appfile"
	"github.com/banyanrun/banyan/internal/model"
	"github.com/banyanrun/banyan/internal/reconcile"
	"github.com/banyanrun/banyan/internal/telemetry/alert"
	"github.com/banyanrun/banyan/internal/telemetry/metrics"
	"github.com/banyanrun/banyan/internal/telemetry/otlp"
	"github.com/banyanrun/banyan/internal/telemetry/scrape"
	"github.com/banyanrun/banyan/internal/telemetry/store"
)

// What telemetry may take up on the disk where the app file says nothing, and which
// part of that is for metrics.
const (
	telemetryBytes = 2 << 30
	telemetryAge   = 15 * 24 * time.Hour
	metricsPart    = 4
)

// keeping is how much of telemetry is kept.
type keeping struct {
	records store.Options
	metrics metrics.Options
}

func keepingOf(app *model.App) keeping {
	size, age, percent := int64(telemetryBytes), telemetryAge, 0.0
	if t := app.Telemetry; t != nil {
		percent = t.SamplePercent
		if r := t.Retention; r != nil {
			size, age = cmp.Or(int64(r.Size), size), cmp.Or(time.Duration(r.Time), age)
		}
	}
	k := keeping{
		records: store.Options{Limit: size - size/metricsPart, MaxAge: age},
		metrics: metrics.Options{MaxBytes: size / metricsPart, MaxAge: age},
	}
	if percent > 0 {
		k.records.SamplePercent = max(1, int(math.Round(percent)))
	}
	return k
}

// firstApp waits for the app that is in force first; false: ctx ended.
func (d *daemon) firstApp(ctx context.Context) (*model.App, bool) {
	for {
		changed := d.Changes()
		if now := d.effects.current.Load(); now != nil {
			return now.app, true
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, false
		}
	}
}

// seenWish is what an app file says of telemetry.
func seenWish(app *model.App) string {
	return digest([]any{app.Telemetry, app.Alerts, app.Recordings})
}

// newAlerts returns what evaluates the rules.
func (d *daemon) newAlerts(app *model.App) *alert.Evaluator {
	return alert.New(alert.Options{
		Store: d.telemetry.metrics.ForRules(), App: app.Name, File: filepath.Join(d.layout.Telemetry, "alerts.json"),
		Dashboard: d.dashboard.url, Log: d.log,
	})
}

// bound makes how much is kept, and whose metrics have shares of their own, what an
// app says.
func (r *telemetryRoom) bound(app *model.App) {
	k := keepingOf(app)
	r.store.SetBounds(store.Bounds{Limit: k.records.Limit, MaxAge: k.records.MaxAge, SamplePercent: k.records.SamplePercent})
	r.metrics.SetBounds(metrics.Bounds{MaxBytes: k.metrics.MaxBytes, MaxAge: k.metrics.MaxAge})
	r.metrics.SetServices(slices.Collect(maps.Keys(app.Services)))
}

// followApp makes rules, receivers of alerts, addresses for OTLP and how much is kept
// what the app in force says, until ctx ends.
func (d *daemon) followApp(ctx context.Context) {
	var listening listeners
	defer listening.end()
	intake := d.newIntake()
	in := ""
	var last *model.App
	for {
		changed := d.Changes()
		app := d.current().app
		if app != last {
			last = app
			d.telemetry.bound(app)
		}
		if seenWish(app) != in {
			in = seenWish(app)
			d.applyAlerts(app)
			d.telemetry.exports.Apply(d.exportTargets(app))
			listening.be(ctx, d, intake, app.Telemetry)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}

// applyAlerts puts an app's rules in force.
func (d *daemon) applyAlerts(app *model.App) {
	file := &appfile.App{Telemetry: app.Telemetry, Alerts: app.Alerts, Recordings: app.Recordings}
	receivers, err := alert.Receivers(file, d.expandSecrets)
	if err != nil {
		d.log.Error("not all are told of alerts", "error", err)
	}
	d.telemetry.alerts.Apply(alert.FromApp(file), receivers)
}

// alertRules are all rules and how they stand.
func (d *daemon) alertRules() []alert.RuleStatus { return d.telemetry.alerts.Rules() }

// listeners take telemetry in at addresses of the app file.
type listeners struct {
	stop  context.CancelFunc
	tasks sync.WaitGroup
}

// listenRetry is when it is tried again to listen.
const listenRetry = 5 * time.Second

// be listens where t says, and no longer where it does not.
func (l *listeners) be(ctx context.Context, d *daemon, intake *telemetryIntake, t *appfile.Telemetry) {
	l.end()
	ctx, l.stop = context.WithCancel(ctx)
	for _, addr := range addressesOf(t) {
		l.tasks.Go(func() {
			for ctx.Err() == nil {
				if err := otlp.Listen(ctx, addr, intake, d.log); err != nil && ctx.Err() == nil {
					d.log.Error("telemetry is not taken in", "address", addr, "error", err)
				}
				select {
				case <-time.After(listenRetry):
				case <-ctx.Done():
				}
			}
		})
	}
}

func (l *listeners) end() {
	if l.stop != nil {
		l.stop()
		l.tasks.Wait()
	}
}

func addressesOf(t *appfile.Telemetry) []string {
	var all []string
	if t != nil && t.OTLP != nil {
		for _, addr := range []string{t.OTLP.GRPC, t.OTLP.HTTP} {
			if addr != "" {
				all = append(all, addr)
			}
		}
	}
	return all
}

// receivers are where telemetry is taken in beside $BANYAN_URL.
func (d *daemon) receivers() []string {
	var all []string
	for _, addr := range addressesOf(d.current().app.Telemetry) {
		all = append(all, "http://"+addr)
	}
	return all
}

// newScraper returns what fetches the metrics of instances that offer them.
func (d *daemon) newScraper(ctx context.Context) *scrape.Scraper {
	return scrape.New(scrape.Config{
		Targets: func() []scrape.Target { return d.scrapeTargets(ctx) }, Log: d.log,
		Take: func(ctx context.Context, samples []otlp.Sample) error {
			return d.telemetry.engine.Metrics(ctx, "", samples)
		},
	})
}

// scrapeTargets are the instances that are ready and offer metrics.
func (d *daemon) scrapeTargets(ctx context.Context) []scrape.Target {
	var all []scrape.Target
	_ = d.loop.Read(ctx, func(desired reconcile.Desired, obs *model.Observed, _ reconcile.Plan) { // when the daemon ends there are none
		if desired.App == nil {
			return
		}
		for _, i := range obs.Instances {
			s := desired.App.Services[i.Service] // as it is now: that metrics are offered makes no new revision
			if i.Phase != model.Ready || i.Port == 0 || s == nil || s.Spec.Metrics == nil {
				continue
			}
			all = append(all, scrape.Target{
				Service: i.Service, Instance: i.ID, H2C: s.Spec.Protocol == appfile.ProtocolH2C,
				URL: "http://" + net.JoinHostPort(loopback, strconv.Itoa(i.Port)) + s.Spec.Metrics.Path,
			})
		}
	})
	return all
}

// ServeHTTP implements http.Handler for senders of whom nobody knows.
func (t *telemetryIntake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == zipkinPath {
		t.zipkin.ServeFrom(w, r, "")
		return
	}
	t.otlp.ServeFrom(w, r, "")
}

// zipkinPath is where Zipkin's libraries send.
const zipkinPath = "/api/v2/spans"
