package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

// figures are what was measured of one contender.
type figures struct {
	name, what string
	records    int
	wall, cpu  time.Duration
	bytes      int64
	heap       int64 // more than before
	rss        string
	took       map[string][2]time.Duration // median and 95th percentile
	used       func() time.Duration        // its processor time; nil: this process's
}

// meter measures a stretch of time.
type meter struct {
	start time.Time
	cpu   time.Duration
	heap  uint64
}

func begin() meter { return meter{heap: heap(), start: time.Now(), cpu: used()} }

func heap() uint64 {
	runtime.GC()
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return s.HeapAlloc
}

// used is the processor time that this process has used.
func used() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func (m meter) end(f *figures) {
	f.wall, f.cpu = time.Since(m.start), used()-m.cpu
	f.rss = rss()
	f.heap = int64(heap()) - int64(m.heap)
}

// rss is the most memory that the process had so far, by Linux.
func rss() string {
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return "unknown"
	}
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			return strings.TrimSpace(rest)
		}
	}
	return "unknown"
}

func (f *figures) perSecond() float64 { return float64(f.records) / f.cpu.Seconds() }
func (f *figures) perRecord() float64 { return float64(f.bytes) / float64(f.records) }

func (f *figures) print(w io.Writer) {
	fmt.Fprintf(w, "%s: %d %s on one core in %.1f s, %.1f s of processor time: %.0f/s, %.1f us each\n",
		f.name, f.records, f.what, f.wall.Seconds(), f.cpu.Seconds(), f.perSecond(), float64(f.cpu.Microseconds())/float64(f.records))
	fmt.Fprintf(w, "  on disk %.1f bytes each; heap %.0f MB more than before; most resident %s, with the benchmark's own %d records\n",
		f.perRecord(), float64(f.heap)/1e6, f.rss, poolSize)
}

// search is a kind of search.
type search struct {
	key, what string
	do        func(ctx context.Context, i int) error
}

func (f *figures) searches(ctx context.Context, n int, all []search) error {
	f.took = map[string][2]time.Duration{}
	if f.used == nil {
		f.used = used
	}
	for _, s := range all {
		took := make([]time.Duration, n)
		cpu := f.used()
		for i := range took {
			start := time.Now()
			if err := s.do(ctx, i); err != nil {
				return fmt.Errorf("%s: %w", s.what, err)
			}
			took[i] = time.Since(start)
		}
		slices.Sort(took)
		f.took[s.key] = [2]time.Duration{took[n/2], took[n*95/100]}
		fmt.Fprintf(os.Stdout, "  %-55s %9.2f ms, p95 %9.2f ms, of processor time %9.2f ms\n",
			s.what, ms(took[n/2]), ms(took[n*95/100]), ms((f.used()-cpu)/time.Duration(n)))
	}
	return nil
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// compare prints what SQLite takes, as a ratio.
func compare(w io.Writer, ours, peer *figures) {
	fmt.Fprintf(w, "SQLite beside Banyan: %.1f times the processor time a span, %.1f times the bytes\n",
		ours.perSecond()/peer.perSecond(), peer.perRecord()/ours.perRecord())
	for _, key := range []string{"trace", "attribute"} {
		fmt.Fprintf(w, "  %-10s %.2f ms among %d spans, SQLite %.2f ms among %d\n",
			key, ms(ours.took[key][0]), ours.records, ms(peer.took[key][0]), peer.records)
	}
}
