package daemon

import (
	"context"
	"math"
	"path/filepath"
	"strconv"
	"time"

	"github.com/banyanrun/banyan/appfile"
	"github.com/banyanrun/banyan/internal/model"
	"github.com/banyanrun/banyan/internal/telemetry"
	"github.com/banyanrun/banyan/internal/telemetry/bundle"
	"github.com/banyanrun/banyan/internal/telemetry/export"
	"github.com/banyanrun/banyan/internal/telemetry/export/elastic"
	"github.com/banyanrun/banyan/internal/telemetry/export/loki"
	"github.com/banyanrun/banyan/internal/telemetry/export/otlp"
	"github.com/banyanrun/banyan/internal/telemetry/export/post"
	zipkinout "github.com/banyanrun/banyan/internal/telemetry/export/zipkin"
	"github.com/banyanrun/banyan/internal/telemetry/metrics"
	"github.com/banyanrun/banyan/internal/telemetry/signal"
)

const (
	// exportEnd bounds how long telemetry is sent when the daemon ends: the rest waits
	// for the next.
	exportEnd = 3 * time.Second
	// Bounds of an attempt: OTLP's default, and what an index under load takes.
	otlpTimeout    = 10 * time.Second
	elasticTimeout = 30 * time.Second
)

// exportFamilies describe the series of exports.
var exportFamilies = map[string]metrics.Metadata{
	"banyan_export_sent_total":       {Type: "counter", Help: "Records that a target took: spans, log records, points of metrics."},
	"banyan_export_bytes_total":      {Type: "counter", Unit: "bytes", Help: "Bytes that were sent to a target, compressed."},
	"banyan_export_failures_total":   {Type: "counter", Help: "Requests to a target that failed."},
	"banyan_export_dropped_total":    {Type: "counter", Help: "Records that are not sent to a target, by reason."},
	"banyan_export_waiting":          {Type: "gauge", Help: "Spans or log records that are to be sent."},
	"banyan_export_behind_seconds":   {Type: "gauge", Unit: "seconds", Help: "For how long there has been something to send."},
	"banyan_export_target_available": {Type: "gauge", Help: "1: the last request to the target did not fail."},
}

// newExporter returns what sends telemetry to an app's targets, from now on.
func (d *daemon) newExporter(app *model.App) *export.Exporter {
	r := d.telemetry
	for name, m := range exportFamilies {
		r.metrics.Describe(name, m)
	}
	e := export.New(export.Options{
		Records: r.store, Series: r.metrics, App: app.Name, Log: d.log,
		Skip: func(of *signal.Resource) bool {
			_, imported := of.Attrs.Get(bundle.Attribute)
			return imported
		},
		File: filepath.Join(r.dir, "export.json"), Save: replaceFile,
	})
	e.Apply(d.exportTargets(app))
	return e
}

// exportTargets are the targets that an app names.
func (d *daemon) exportTargets(app *model.App) []export.Target {
	if app.Telemetry == nil {
		return nil
	}
	var all []export.Target
	same := map[string]int{}
	for i, e := range app.Telemetry.Export {
		t, at := d.exportTarget(e)
		t.Wish, t.Name = digest([]any{e}), t.Name+"-"+strconv.Itoa(i+1)
		same[at]++
		t.Key = digest([]any{at, same[at]})
		all = append(all, t)
	}
	return all
}

// exportTarget makes a target, which has the name of its kind, and says what it is known by.
func (d *daemon) exportTarget(e *appfile.Export) (t export.Target, at string) {
	if o := e.OTLP; o != nil {
		return export.Target{Name: "otlp", Signals: signalsOf(o.Signals), Sender: func() export.Sender {
			return otlp.New(post.Options{URL: o.URL, Headers: o.Headers, Expand: d.expandSecrets, Timeout: otlpTimeout}, o.Protocol == "grpc")
		}}, "otlp " + o.URL
	}
	if o := e.Elasticsearch; o != nil {
		return export.Target{Name: "elasticsearch", Signals: signalsOf(o.Signals), Sender: func() export.Sender {
			return elastic.New(elastic.Options{
				Options: post.Options{URL: o.URL, Expand: d.expandSecrets, Timeout: elasticTimeout},
				Index:   o.Index, APIKey: o.APIKey, User: o.User, Password: o.Password,
			})
		}}, "elasticsearch " + o.URL + " " + o.Index
	}
	if o := e.Zipkin; o != nil {
		return export.Target{Name: "zipkin", Signals: []export.Signal{export.Traces}, Sender: func() export.Sender {
			return zipkinout.New(d.exportHTTP(o))
		}}, "zipkin " + o.URL
	}
	o := e.Loki // one of them is set: the app file was checked
	return export.Target{Name: "loki", Signals: []export.Signal{export.Logs}, Sender: func() export.Sender {
		return loki.New(d.exportHTTP(o))
	}}, "loki " + o.URL
}

func (d *daemon) exportHTTP(o *appfile.ExportHTTP) post.Options {
	return post.Options{URL: o.URL, Headers: o.Headers, Expand: d.expandSecrets, Timeout: otlpTimeout}
}

func signalsOf(names []string) []export.Signal {
	var all []export.Signal
	for _, n := range names {
		all = append(all, export.Signal(n))
	}
	return all
}

// expandSecrets replaces the references to secrets in a text by their values.
func (d *daemon) expandSecrets(text string) (string, error) {
	return appfile.Expand(text, func(ref appfile.Ref) (string, error) {
		value, err := d.secrets.get(ref.Name)
		return string(value), err
	})
}

// endExports sends what is there still, within bounds.
func (r *telemetryRoom) endExports() {
	ctx, cancel := context.WithTimeout(context.Background(), exportEnd)
	defer cancel()
	if err := r.exports.Close(ctx); err != nil {
		r.log.Warn("it cannot be noted how far telemetry was exported: a part may be sent twice", "error", err)
	}
}

// lookAtExports tells how exports stand.
func (r *telemetryRoom) lookAtExports(l *look) {
	for _, c := range r.exports.Counts() {
		pairs := []string{"target", c.Target, "signal", string(c.Signal)}
		l.add(float64(c.Sent), "banyan_export_sent_total", pairs...)
		l.add(float64(c.Bytes), "banyan_export_bytes_total", pairs...)
		l.add(float64(c.Failed), "banyan_export_failures_total", pairs...)
		if c.Waiting >= 0 {
			l.add(float64(c.Waiting), "banyan_export_waiting", pairs...)
		}
		behind, up := 0.0, 1.0
		if !c.Behind.IsZero() {
			behind = math.Max(0, l.now.Sub(c.Behind).Seconds())
		}
		if c.Err != nil {
			up = 0
		}
		l.add(behind, "banyan_export_behind_seconds", pairs...)
		l.add(up, "banyan_export_target_available", pairs...)
		for reason, n := range c.Dropped {
			l.add(float64(n), "banyan_export_dropped_total", append(pairs, "reason", reason)...)
		}
	}
}

// unsent are the drops of exports.
func (r *telemetryRoom) unsent() []telemetry.Drop {
	var all []telemetry.Drop
	for _, c := range r.exports.Counts() {
		for reason, n := range c.Dropped {
			all = append(all, telemetry.Drop{Where: "export " + c.Target, Reason: string(c.Signal) + ": " + reason, Count: n})
		}
	}
	return all
}
