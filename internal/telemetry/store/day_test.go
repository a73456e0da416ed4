package store

import (
	"fmt"
	"os"
	"runtime"
	"testing"
	"time"
	"unsafe"

	"github.com/banyanrun/banyan/internal/bus/journal/fsys"
	"github.com/banyanrun/banyan/internal/telemetry/block/blocktest"
	"github.com/banyanrun/banyan/internal/telemetry/signal"
)

// day is a store that a day of telemetry is poured through, by a clock of its own.
type day struct {
	t   *testing.T
	s   *Store
	dir string
	now time.Time
	o   Options

	perStep int // traces
	steps   int
	traces  []poured
	logs    []int64 // times
}

// poured is a trace that was taken in.
type poured struct {
	id    signal.TraceID
	start int64
	spans int
	worth bool // it has an error, or was very slow
}

// TestDay pours 24 hours of spans and logs through a store, with restarts and kills
// between, once where bytes decide what stays and once where time does.
func TestDay(t *testing.T) {
	scale := 1
	if os.Getenv("BANYAN_E2E") == "full" {
		scale = 4
	}
	for name, o := range map[string]Options{
		"bytes": {Limit: int64(scale) * 3 << 20, MaxAge: 15 * 24 * time.Hour},
		"time":  {Limit: 1 << 30, MaxAge: 4 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			o.HeadRecords, o.HeadBytes = 2000, 512<<10
			d := &day{t: t, dir: t.TempDir(), now: began, o: o, perStep: 12 * scale}
			d.o.FS, d.o.byHand, d.o.Now = unsynced{}, true, func() time.Time { return d.now }
			d.open()
			for hour := range 24 {
				d.hour()
				switch hour % 4 {
				case 1:
					d.restart()
				case 3:
					d.kill()
					d.check(hour == 23 || scale > 1)
				}
			}
			if err := d.s.Close(); err != nil {
				t.Fatal(err)
			}
			st := d.s.Status()[0]
			if sampled := st.SampledBefore > 0; sampled != (name == "bytes") {
				t.Errorf("%+v", st)
			}
		})
	}
}

// unsynced is the operating system's files without the wait for the disk, which a program
// that is killed does not miss.
type unsynced struct{ fsys.OS }

type unsyncedFile struct{ fsys.File }

func (unsyncedFile) Sync() error { return nil }

func (unsynced) SyncDir(string) error { return nil }

func (u unsynced) Create(name string) (fsys.File, error) {
	f, err := u.OS.Create(name)
	return unsyncedFile{f}, err
}

func (u unsynced) Open(name string) (fsys.File, error) {
	f, err := u.OS.Open(name)
	return unsyncedFile{f}, err
}

func (d *day) open() {
	d.t.Helper()
	d.o.Dir = d.dir
	var err error
	if d.s, err = Open(d.o); err != nil {
		d.t.Fatal(err)
	}
}

func (d *day) restart() {
	d.t.Helper()
	if err := d.s.Close(); err != nil {
		d.t.Fatal(err)
	}
	d.open()
}

// kill goes on with what a program that is killed leaves.
func (d *day) kill() {
	d.t.Helper()
	next := d.t.TempDir()
	if err := os.CopyFS(next, os.DirFS(d.dir)); err != nil {
		d.t.Fatal(err)
	}
	if err := d.s.Close(); err != nil {
		d.t.Fatal(err)
	}
	d.dir = next
	d.open()
}

// hour pours one, in steps of two minutes.
func (d *day) hour() {
	d.t.Helper()
	for range 30 {
		d.steps++
		source := blocktest.New(uint64(d.steps), d.now.UnixNano())
		var spans []signal.Span
		for range d.perStep {
			spans = d.trace(source, spans)
		}
		if err := d.s.AppendSpans(spans); err != nil {
			d.t.Fatal(err)
		}
		logs := source.Logs(d.perStep)
		for i := range logs {
			d.logs = append(d.logs, logs[i].Time)
		}
		if err := d.s.AppendLogs(logs); err != nil {
			d.t.Fatal(err)
		}
		d.bounded()
		d.now = d.now.Add(2 * time.Minute)
		d.s.spans.work()
		d.s.logs.work()
		d.bounded()
	}
	for d.s.spans.thin() { // a step at a time, so that others come to their turn
		d.bounded()
	}
}

// trace adds one, of which every 400th is a hundred times slower.
func (d *day) trace(source *blocktest.Source, to []signal.Span) []signal.Span {
	first := len(to)
	to = source.Trace(to)
	p := poured{id: to[first].Trace, start: to[first].Start, spans: len(to) - first}
	for i := range to[first:] {
		s := &to[first+i]
		p.start = min(p.start, s.Start)
		p.worth = p.worth || s.Status == signal.StatusError
		if s.Parent.IsZero() {
			s.Name = "POST /orders" // a block has enough of one root to tell which are slow
		}
	}
	if len(d.traces)%400 == 399 {
		for i := range to[first:] {
			if s := &to[first+i]; s.Parent.IsZero() {
				s.End = s.Start + 100*s.Duration() + int64(20*time.Second)
				p.worth = true
			}
		}
	}
	d.traces = append(d.traces, p)
	return to
}

// bounded looks at the disk, and at what is in front of blocks in memory.
func (d *day) bounded() {
	d.t.Helper()
	for _, s := range []*shelf{d.s.spans, d.s.logs} {
		bytes, limit := int64(0), s.bounds.Load().limit
		files, err := os.ReadDir(s.dir)
		if err != nil {
			d.t.Fatal(err)
		}
		for _, f := range files {
			info, err := f.Info()
			if err != nil {
				d.t.Fatal(err)
			}
			bytes += info.Size()
		}
		if bytes > limit {
			d.t.Fatalf("after %v there are %d bytes of %d", d.now.Sub(began), bytes, limit)
		}
		heads := s.heads()
		for _, h := range heads {
			if n := h.b.Bytes(); n > 2*d.o.HeadBytes {
				d.t.Fatalf("%d bytes are in a head", n)
			}
		}
		if len(heads) > sealedMost+1 {
			d.t.Fatalf("%d heads", len(heads))
		}
	}
}

// check holds what is kept against what is promised; not all: a part of it.
func (d *day) check(all bool) {
	d.t.Helper()
	status := d.s.Status()
	for _, st := range status {
		if st.Err != nil || len(st.Damage) > 0 || st.Dropped > 0 {
			d.t.Fatalf("%+v", st)
		}
		// A block goes as one: it is of an eighth of the time.
		if oldest := d.now.Sub(time.Unix(0, st.Oldest)); oldest > d.o.MaxAge+d.o.MaxAge/agedPart+10*time.Minute {
			d.t.Errorf("what is %v old is kept", oldest)
		}
	}
	d.checkTraces(status[0], all)
	d.checkLogs(status[1])
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	own := uintptr(cap(d.traces))*unsafe.Sizeof(poured{}) + uintptr(cap(d.logs))*8
	if n := m.HeapAlloc - uint64(own); n > 48<<20 {
		d.t.Errorf("%d MiB of memory", n>>20)
	}
}

// since is from when on nothing may be missing of what was kept from a time on.
func (d *day) since(oldest int64) int64 {
	return max(oldest+int64(time.Minute), d.now.Add(-d.o.MaxAge).UnixNano())
}

func (d *day) checkTraces(st Status, each bool) {
	d.t.Helper()
	from, all, kept := d.since(st.Oldest), 0, 0
	if d.o.MaxAge < time.Hour*24 && st.Oldest > max(began.UnixNano(), d.now.Add(-d.o.MaxAge).UnixNano())+int64(time.Hour) {
		d.t.Errorf("only %v are kept", d.now.Sub(time.Unix(0, st.Oldest)))
	}
	for i := len(d.traces) - 1; i >= 0 && d.traces[i].start >= from; i-- {
		p := &d.traces[i]
		must := p.worth || p.start > st.SampledBefore || d.s.spans.lucky(p.id)
		if all++; !p.worth && i%16 != 0 || !each && i%8 != 0 {
			continue // enough are left
		}
		spans, _, err := d.s.Trace(d.t.Context(), p.id)
		switch {
		case err != nil:
			d.t.Fatal(err)
		case len(spans) == p.spans:
			kept++
		case must || len(spans) > 0:
			d.t.Fatalf("after %v: of a trace of %v ago (error or slow: %v) there are %d spans of %d", d.now.Sub(began),
				d.now.Sub(time.Unix(0, p.start)), p.worth, len(spans), p.spans)
		}
	}
	if kept < 10 {
		d.t.Errorf("%d traces of %d were seen", kept, all)
	}
}

func (d *day) checkLogs(st Status) {
	d.t.Helper()
	from, want := d.since(st.Oldest), int64(0)
	for _, at := range d.logs {
		if at >= from {
			want++
		}
	}
	r, err := d.s.CountLogs(d.t.Context(), CountQuery{From: from, To: d.now.Add(time.Hour).UnixNano()})
	if err != nil || r.Total != want || want == 0 {
		d.t.Fatalf("after %v: %s", d.now.Sub(began), fmt.Sprint(r, err, want))
	}
}
