package red

import (
	"slices"
	"strconv"
	"time"

	"github.com/banyanrun/banyan/internal/proxy/account"
	"github.com/banyanrun/banyan/internal/telemetry/metrics"
)

// The names of the series. All have the labels caller, callee and route, as far as
// there is one.
const (
	Requests  = "banyan_requests_total"               // and revision, status (2xx, …; none)
	Errors    = "banyan_request_errors_total"         // and revision
	Failures  = "banyan_request_failures_total"       // and revision, code
	Retries   = "banyan_request_retries_total"        // and revision
	BytesIn   = "banyan_request_body_bytes_total"     // and revision
	BytesOut  = "banyan_response_body_bytes_total"    // and revision
	Durations = "banyan_request_duration_seconds"     // and revision
	InFlight  = "banyan_requests_in_flight"           // a gauge
	Refusals  = "banyan_refused_clients_total"        // kind alone
	LostSpans = "banyan_dataplane_spans_lost_total"   // no label
	Overflow  = "banyan_requests_without_edge_total"  // no label
	Began     = "banyan_dataplane_start_time_seconds" // no label
)

// Families describes the series, by name.
func Families() map[string]metrics.Metadata {
	return map[string]metrics.Metadata{
		Requests:  {Type: "counter", Help: "Requests that have ended, by the first digit of their answer's status."},
		Errors:    {Type: "counter", Help: "Requests that failed for a reason that is the service's, or the data plane's."},
		Failures:  {Type: "counter", Help: "Requests that did not get the service's whole answer, by Banyan's error code."},
		Retries:   {Type: "counter", Help: "Times that a request was sent again."},
		BytesIn:   {Type: "counter", Unit: "bytes", Help: "Bytes of requests' bodies."},
		BytesOut:  {Type: "counter", Unit: "bytes", Help: "Bytes of answers' bodies."},
		Durations: {Type: "histogram", Unit: "seconds", Help: "Time from a request's head to its answer's end."},
		InFlight:  {Type: "gauge", Help: "Requests that are being served."},
		Refusals:  {Type: "counter", Help: "Clients that were turned away by what they did with their connections."},
		LostSpans: {Type: "counter", Help: "Spans that the data plane dropped because the daemon did not take them in time."},
		Overflow:  {Type: "counter", Help: "Requests that are in no series: there are too many edges."},
		Began:     {Type: "gauge", Unit: "seconds", Help: "When the data plane began, since 1970."},

		ClientCalls:     {Type: "counter", Help: "Calls to databases, message brokers and hosts outside of the app, by services' own spans."},
		ClientErrors:    {Type: "counter", Help: "Such calls that failed."},
		ClientDurations: {Type: "histogram", Unit: "seconds", Help: "How long such calls took."},

		SpanDurations: {Type: "histogram", Unit: "seconds", Help: "How long what services' own spans of requests, calls and messages are of took."},
		SpansFolded:   {Type: "counter", Help: "Spans whose name, or service, is not told apart: there are too many."},
	}
}

// fresh is how young a data plane is at the first look at it that nobody looked at before.
const fresh = time.Minute

// Deriver makes samples of counters. The zero value is ready. Only one goroutine at a
// time uses it.
type Deriver struct {
	edges map[account.Key]*edgeSeries
	since time.Time // of the data plane that was looked at last
	last  int64     // when, in milliseconds
	zero  int64     // when new series were 0; 0: it is not known
	now   int64
	out   []metrics.Sample
}

// edgeSeries are an edge's series.
type edgeSeries struct {
	labels    []string // pairs
	inFlight  metrics.Labels
	revisions map[string]*revisionSeries
	seen      int64 // the last look that had it
}

// revisionSeries are those of an edge and a revision. Labels are made once.
type revisionSeries struct {
	base    []string // pairs
	status  [6]metrics.Labels
	codes   map[string]metrics.Labels
	sums    [4]metrics.Labels // errors, retries, bytes in and out
	latency metrics.Labels
	seen    int64
}

// Samples returns the series' values, valid until the next call. Exemplars may be nil.
func (d *Deriver) Samples(s *account.Snapshot, exemplars *Exemplars) []metrics.Sample {
	d.begin(s)
	for i := range s.Edges {
		d.edge(&s.Edges[i], exemplars)
	}
	d.out = append(d.out,
		d.sample(metrics.Named(LostSpans), float64(s.LostSpans)),
		d.sample(metrics.Named(Overflow), float64(s.Overflow)),
		d.sample(metrics.Named(Began), float64(s.Since.UnixMilli())/1e3))
	for kind, n := range s.Refusals {
		d.out = append(d.out, d.sample(metrics.Named(Refusals, "kind", kind), float64(n)))
	}
	d.forget()
	exemplars.forget(s.Taken)
	d.last = d.now
	return d.out
}

// begin finds out when series were zero that are new in s.
func (d *Deriver) begin(s *account.Snapshot) {
	d.now, d.out = s.Taken.UnixMilli(), d.out[:0]
	began := s.Since.UnixMilli()
	switch {
	case d.edges == nil || !d.since.Equal(s.Since): // another data plane: all begins anew
		d.edges = map[account.Key]*edgeSeries{}
		d.zero = 0
		if d.last != 0 || s.Taken.Sub(s.Since) < fresh {
			d.zero = max(d.last+1, began)
		}
	default:
		d.zero = d.last
	}
	if d.zero >= d.now {
		d.zero = 0
	}
	d.since = s.Since
}

func (d *Deriver) sample(ls metrics.Labels, v float64) metrics.Sample {
	return metrics.Sample{Labels: ls, Time: d.now, Value: v}
}

// counter appends a counter's value; its labels are made by name the first time.
func (d *Deriver) counter(ls *metrics.Labels, n uint64, name string, pairs ...string) {
	if *ls == nil {
		*ls = metrics.Named(name, pairs...)
		if d.zero != 0 {
			d.out = append(d.out, metrics.Sample{Labels: *ls, Time: d.zero})
		}
	}
	d.out = append(d.out, d.sample(*ls, float64(n)))
}

func (d *Deriver) edge(e *account.Edge, exemplars *Exemplars) {
	s := d.edges[e.Key]
	if s == nil {
		s = &edgeSeries{revisions: map[string]*revisionSeries{}}
		s.labels = []string{"caller", e.Caller, "callee", e.Callee}
		if e.Route != "" {
			s.labels = append(s.labels, "route", e.Route)
		}
		s.inFlight = metrics.Named(InFlight, s.labels...)
		d.edges[e.Key] = s
	}
	s.seen = d.now
	d.out = append(d.out, d.sample(s.inFlight, float64(e.InFlight)))
	for i := range e.Revisions {
		r := &e.Revisions[i]
		rs := s.revisions[r.Revision]
		if rs == nil {
			rs = &revisionSeries{base: append(slices.Clip(s.labels), "revision", r.Revision), codes: map[string]metrics.Labels{}}
			s.revisions[r.Revision] = rs
		}
		rs.seen = d.now
		d.revision(rs, &r.Counters)
		d.latency(rs, &r.Latency, exemplars.take(hop{e.Caller, e.Callee, e.Route, r.Revision}))
	}
}

func (d *Deriver) revision(s *revisionSeries, c *account.Counters) {
	for class, n := range c.Status {
		if n == 0 {
			continue
		}
		name := "none"
		if class > 0 {
			name = strconv.Itoa(class) + "xx"
		}
		d.counter(&s.status[class], n, Requests, append(slices.Clip(s.base), "status", name)...)
	}
	for code, n := range c.Codes {
		ls := s.codes[code]
		d.counter(&ls, n, Failures, append(slices.Clip(s.base), "code", code)...)
		s.codes[code] = ls
	}
	d.counter(&s.sums[0], c.Errors, Errors, s.base...)
	d.counter(&s.sums[1], c.Retries, Retries, s.base...)
	d.counter(&s.sums[2], c.BytesIn, BytesIn, s.base...)
	d.counter(&s.sums[3], c.BytesOut, BytesOut, s.base...)
}

func (d *Deriver) latency(s *revisionSeries, h *account.Histogram, example *metrics.Exemplar) {
	if s.latency == nil {
		s.latency = metrics.Named(Durations, s.base...)
		if d.zero != 0 {
			d.out = append(d.out, metrics.Sample{Labels: s.latency, Time: d.zero, Histogram: &metrics.Histogram{Scale: scale}})
		}
	}
	to := metrics.Sample{Labels: s.latency, Time: d.now, Histogram: histogram(h)}
	if example != nil {
		to.Exemplars = []metrics.Exemplar{*example}
	}
	d.out = append(d.out, to)
}

// forget ends the series of what the data plane does not count any more: revisions
// that are long gone.
func (d *Deriver) forget() {
	for key, e := range d.edges {
		if e.seen != d.now {
			delete(d.edges, key)
			continue
		}
		for name, r := range e.revisions {
			if r.seen != d.now {
				delete(e.revisions, name)
			}
		}
	}
}
