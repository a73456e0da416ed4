package view

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	banyanv1 "github.com/banyanrun/banyan/proto/banyan/v1"
)

// Reading is what `banyan top` looks at, at one time.
type Reading struct {
	At     time.Time
	Status *banyanv1.Status
	Stats  *banyanv1.StatsResponse
}

// TopOptions decide how Top looks.
type TopOptions struct {
	Width int
	Color bool
	// Sort is the column that rows are in the order of: one of TopSorts.
	Sort string
}

// TopSorts are the orders that Top knows. All but the first begin with the largest.
var TopSorts = []string{"name", "rate", "errors", "p99", "cpu", "memory"}

// load is a row of Top.
type load struct {
	name     string
	face     face
	ready    string
	rate     float64
	silent   bool    // it answers no requests
	errors   float64 // of 1; less than 0: there were no requests
	p50, p99 time.Duration
	counted  bool // p50 and p99 are known
	cpu      float64
	memory   int64
	restarts int32
	note     string
}

// Top is the table of `banyan top`: what each service, the gateway and Banyan
// itself did between two readings, and how they are.
func Top(before, after Reading, o TopOptions) []string {
	var rows []row
	for _, l := range loads(before, after, o.Sort) {
		errors, percent := Plain, ""
		if l.errors >= 0 {
			percent = short(100 * l.errors)
		}
		if l.errors > 0 {
			errors = Red
		}
		rate, p50, p99 := short(l.rate), "", ""
		if l.silent {
			rate = ""
		}
		if l.counted {
			p50, p99 = took(l.p50), took(l.p99)
		}
		memory, cpu := "", ""
		if l.memory > 0 {
			memory, cpu = Bytes(l.memory), short(100*l.cpu)
		}
		rows = append(rows, row{cells: []cell{
			{text: Clean(l.name)}, {text: l.face.word, style: l.face.style}, {text: l.ready, right: true}, {text: rate, right: true},
			{text: percent, style: errors, right: true}, {text: p50, right: true}, {text: p99, right: true}, {text: cpu, right: true},
			{text: memory, right: true}, {text: some(int64(l.restarts)), right: true},
		}})
		if l.note != "" {
			rows = append(rows, below(l.note, l.face.style))
		}
	}
	return table(headings("SERVICE", "STATE", "READY>", "REQ/S>", "ERR %>", "P50>", "P99>", "CPU %>", "MEM>", "RESTARTS>"), rows, o.Width, o.Color)
}

func loads(before, after Reading, order string) []load {
	seconds := after.At.Sub(before.At).Seconds()
	rate := newRates(before.Stats, after.Stats)
	cpu := cpuOf(before.Status)
	var all []load
	for _, s := range after.Status.GetServices() {
		if s.GetState() == banyanv1.State_STATE_LEFT_OUT {
			continue
		}
		l := load{name: s.GetName(), face: serviceFace(s), ready: readyCount(s), note: Clean(s.GetReason())}
		for _, i := range s.GetInstances() {
			l.memory += i.GetMemoryBytes()
			l.restarts += i.GetRestarts()
			l.cpu += used(cpu[i.GetId()], i.GetCpuTime(), seconds)
		}
		l.count(before.Stats, after.Stats, rate, func(e *banyanv1.EdgeStats) bool { return e.GetCallee() == s.GetName() })
		all = append(all, l)
	}
	slices.SortStableFunc(all, func(a, b load) int { return cmp.Or(compareLoads(a, b, order), strings.Compare(a.name, b.name)) })
	own := []load{
		platform("gateway", before.Status.GetDataPlane(), after.Status.GetDataPlane(), seconds),
		platform("daemon", before.Status.GetDaemon(), after.Status.GetDaemon(), seconds),
	}
	own[0].count(before.Stats, after.Stats, rate, func(e *banyanv1.EdgeStats) bool { return e.GetCaller() == "gateway" })
	own[1].silent, own[1].errors = true, -1
	return append(own[:1], append(all, own[1])...)
}

func compareLoads(a, b load, order string) int {
	switch order {
	case "rate":
		return cmp.Compare(b.rate, a.rate)
	case "errors":
		return cmp.Compare(b.rate*max(b.errors, 0), a.rate*max(a.errors, 0))
	case "p99":
		return cmp.Compare(b.p99, a.p99)
	case "cpu":
		return cmp.Compare(b.cpu, a.cpu)
	case "memory":
		return cmp.Compare(b.memory, a.memory)
	}
	return 0
}

// platform is the row of one of Banyan's own processes.
func platform(name string, before, after *banyanv1.Process, seconds float64) load {
	l := load{name: name, face: faceOf(after.GetState()), memory: after.GetMemoryBytes(), note: Clean(after.GetReason())}
	if after.GetPid() > 0 && after.GetState() == banyanv1.State_STATE_UNSPECIFIED {
		l.face = faceOf(banyanv1.State_STATE_READY)
	}
	if before.GetPid() == after.GetPid() {
		l.cpu = used(before.GetCpuTime(), after.GetCpuTime(), seconds)
	}
	return l
}

// cpuOf is the processor time of all instances.
func cpuOf(st *banyanv1.Status) map[string]*durationpb.Duration {
	all := map[string]*durationpb.Duration{}
	for _, s := range st.GetServices() {
		for _, i := range s.GetInstances() {
			all[i.GetId()] = i.GetCpuTime()
		}
	}
	return all
}

// used is the part of a processor that was used between two times; an instance
// that was not there before, or began anew, has used all of it since.
func used(before, after *durationpb.Duration, seconds float64) float64 {
	d := after.AsDuration() - before.AsDuration()
	if d < 0 {
		d = after.AsDuration()
	}
	if seconds <= 0 {
		return 0
	}
	return d.Seconds() / seconds
}

// count adds up the requests of some edges between two readings.
func (l *load) count(before, after *banyanv1.StatsResponse, rate rates, of func(*banyanv1.EdgeStats) bool) {
	failed, total := 0.0, 0.0
	earlier := map[string]*banyanv1.EdgeStats{}
	if before.GetSince().AsTime().Equal(after.GetSince().AsTime()) { // else another data plane, which counts anew
		for _, e := range before.GetEdges() {
			earlier[edgeName(e)] = e
		}
	}
	latency := histogram{}
	for _, e := range after.GetEdges() {
		if !of(e) {
			continue
		}
		was := earlier[edgeName(e)].GetTotal()
		l.rate += rate.of(e)
		total += float64(e.GetTotal().GetRequests()) - float64(was.GetRequests())
		failed += float64(e.GetTotal().GetErrors()) - float64(was.GetErrors())
		latency.add(e.GetTotal().GetLatency(), 1)
		latency.add(was.GetLatency(), -1)
	}
	if l.errors = -1; total > 0 {
		l.errors = max(0, failed) / total
	}
	l.p50, l.counted = latency.quantile(0.5)
	l.p99, _ = latency.quantile(0.99)
}

// histogram counts durations by the bounds of their bucket.
type histogram map[[2]time.Duration]int64

func (h histogram) add(l *banyanv1.Latency, sign int64) {
	for _, b := range l.GetBuckets() {
		h[[2]time.Duration{b.GetFrom().AsDuration(), b.GetTo().AsDuration()}] += sign * int64(b.GetCount())
	}
}

// quantile is the middle of the bucket in which it is. False: there is nothing.
func (h histogram) quantile(q float64) (time.Duration, bool) {
	var bounds [][2]time.Duration
	var total int64
	for b, n := range h {
		if n > 0 {
			bounds = append(bounds, b)
			total += n
		}
	}
	slices.SortFunc(bounds, func(a, b [2]time.Duration) int { return cmp.Compare(a[0], b[0]) })
	var sum int64
	for _, b := range bounds {
		if sum += h[b]; float64(sum) >= q*float64(total) {
			return b[0] + (b[1]-b[0])/2, true
		}
	}
	return 0, false
}

// TopJSON is a row for each service as a JSON object on a line.
func TopJSON(before, after Reading, order string) []string {
	var out []string
	for _, l := range loads(before, after, order) {
		to := struct {
			Name     string   `json:"name"`
			State    string   `json:"state"`
			Ready    string   `json:"ready,omitempty"`
			Rate     float64  `json:"requests_per_second"`
			Errors   *float64 `json:"error_ratio"`
			P50      *float64 `json:"p50_seconds"`
			P99      *float64 `json:"p99_seconds"`
			CPU      float64  `json:"cpu"`
			Memory   int64    `json:"memory_bytes"`
			Restarts int32    `json:"restarts"`
			Reason   string   `json:"reason,omitempty"`
		}{Name: l.name, State: l.face.word, Ready: l.ready, Rate: l.rate, CPU: l.cpu, Memory: l.memory, Restarts: l.restarts, Reason: l.note}
		if l.errors >= 0 {
			to.Errors = &l.errors
		}
		if l.counted {
			to.P50, to.P99 = new(l.p50.Seconds()), new(l.p99.Seconds())
		}
		out = append(out, objectJSON(to))
	}
	return out
}

// TopHead is the line above Top.
func TopHead(before, after Reading, o TopOptions) string {
	text := fmt.Sprintf("%s  %s  the last %s", Clean(after.Status.GetApp()), after.At.Format("15:04:05"), Duration(after.At.Sub(before.At)))
	return line{{text, Dim}}.render(o.Width, o.Color)
}
