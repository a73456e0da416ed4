package red

import (
	"slices"
	"sync"
	"time"

	"github.com/banyanrun/banyan/internal/telemetry/metrics"
	"github.com/banyanrun/banyan/internal/telemetry/signal"
)

// The names of the series of spans that services send. The labels of the first are
// service, name, kind (server, client, producer, consumer) and status (ok, error, unset).
const (
	SpanDurations = "banyan_span_duration_seconds"
	SpansFolded   = "banyan_spans_without_name_total" // no label
)

// Bounds of what is told apart: names come from what services send, and some have an
// id in each.
const (
	namesMost      = 200 // of a service
	operationsMost = 4000
	nameMost       = 200 // bytes
)

// other stands for what is not told apart.
const other = "other"

// Operations count what services' own spans say that they do and whom they ask, all
// that come in. What the data plane counts has other names. The zero value is ready.
// Its methods are safe for concurrent use.
type Operations struct {
	mu      sync.Mutex
	tallies tallies[action]
	names   map[[2]string]int // how many tallies there are, by service and name
	known   map[string]int    // how many names, by service
	folded  uint64
}

type action struct {
	service, name string
	kind          signal.Kind
	status        signal.Status
}

// Add counts those of the spans that are of a kind which begins or ends at another.
func (o *Operations) Add(spans []signal.Span) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for i := range spans {
		s := &spans[i]
		if s.Kind == signal.KindUnspecified || s.Kind == signal.KindInternal {
			continue
		}
		a := action{s.Resource.Service, s.Name, s.Kind, s.Status}
		n := o.tallies.of[a]
		if n == nil {
			n = o.begin(a)
		}
		n.add(s)
	}
}

// begin returns the tally of an action that has none, or of those that are not told
// apart.
func (o *Operations) begin(a action) *tally {
	name := [2]string{a.service, a.name}
	switch {
	case len(o.tallies.of) >= operationsMost || len(a.service) > nameMost:
		a.service, a.name = other, other
	case len(a.name) > nameMost || o.names[name] == 0 && o.known[a.service] >= namesMost:
		a.name = other
	}
	if folded := [2]string{a.service, a.name}; folded != name {
		o.folded++
		name = folded
		if n := o.tallies.of[a]; n != nil {
			return n
		}
	}
	if o.names == nil {
		o.names, o.known = map[[2]string]int{}, map[string]int{}
	}
	if o.names[name]++; o.names[name] == 1 {
		o.known[a.service]++
	}
	return o.tallies.begin(a)
}

// forget is for an action whose tally is gone.
func (o *Operations) forget(a action) {
	name := [2]string{a.service, a.name}
	if o.names[name]--; o.names[name] > 0 {
		return
	}
	delete(o.names, name)
	if o.known[a.service]--; o.known[a.service] == 0 {
		delete(o.known, a.service)
	}
}

// Samples returns the series' values.
func (o *Operations) Samples(now time.Time) []metrics.Sample {
	o.mu.Lock()
	defer o.mu.Unlock()
	at := now.UnixMilli()
	out := []metrics.Sample{{Labels: metrics.Named(SpansFolded), Time: at, Value: float64(o.folded)}}
	o.tallies.look(now, func(a action, n *tally, zero int64) {
		ls := metrics.Named(SpanDurations, "service", a.service, "name", a.name, "kind", kindNames[a.kind], "status", statusNames[a.status])
		out = n.took(out, ls, at, zero)
	}, o.forget)
	return slices.Clip(out)
}

// The names of kinds and statuses, as filters have them.
var (
	kindNames = [...]string{
		signal.KindServer: "server", signal.KindClient: "client", signal.KindProducer: "producer", signal.KindConsumer: "consumer",
	}
	statusNames = [...]string{signal.StatusUnset: "unset", signal.StatusOK: "ok", signal.StatusError: "error"}
)
