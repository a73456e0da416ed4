package export

import (
	"context"
	"time"

	"github.com/banyanrun/banyan/internal/telemetry/export/point"
	"github.com/banyanrun/banyan/internal/telemetry/metrics"
)

const (
	// settle is how late a sample may come and still be sent: the time of a scrape is
	// when it began.
	settle = 10 * time.Second
	// passEach is how much time is sent at least by a pass over all metrics, and
	// passMost at most, which bounds what is in memory.
	passEach = 10 * time.Second
	passMost = 2 * time.Minute
	// targetsFor is how long what is said of a resource holds.
	targetsFor = 5 * time.Minute
)

// Series is where metrics are read.
type Series interface {
	Names(ctx context.Context, after, to int64) ([]string, error)
	Samples(ctx context.Context, name string, after, to int64) ([]metrics.Stretch, error)
	Metadata() map[string]metrics.Metadata
	Status() metrics.Status
}

var _ Series = (*metrics.Store)(nil)

// readings reads metrics: in passes over all of them, each of a stretch of time.
type readings struct {
	series  Series
	counter *counter
	service string // of series that do not say whose they are
	now     func() time.Time
	at      int64 // all until then was sent, in milliseconds
	oldest  int64 // that was kept when it was looked at last

	// Of a pass, which ends at to: 0, there is none.
	to        int64
	families  []point.Family
	resources *point.Resources
	points    []point.Point
	taken     int
}

// next implements source.
func (r *readings) next(ctx context.Context, last bool) (Batch, error) {
	for {
		switch {
		case len(r.families) > 0 && len(r.points) < batchMost:
			if err := r.read(ctx); err != nil {
				return Batch{}, err
			}
		case len(r.points) > 0:
			r.taken = min(len(r.points), batchMost)
			return Batch{Signal: Metrics, Points: r.points[:r.taken:r.taken]}, nil
		case r.to > 0:
			r.at, r.to, r.resources = r.to, 0, nil
		default:
			if begun, err := r.begin(ctx, last); !begun {
				return Batch{Signal: Metrics}, err
			}
		}
	}
}

// begin begins a pass; false: it is too soon.
func (r *readings) begin(ctx context.Context, last bool) (bool, error) {
	to := r.now().UnixMilli()
	if !last {
		to -= settle.Milliseconds()
	}
	if to <= r.at || !last && to-r.at < passEach.Milliseconds() {
		return false, nil
	}
	if late := r.at + passMost.Milliseconds(); to > late {
		to = late
		r.passed()
	}
	names, err := r.series.Names(ctx, r.at, to)
	if err != nil {
		return false, err
	}
	targets, err := r.series.Samples(ctx, point.Target, to-targetsFor.Milliseconds(), to)
	if err != nil {
		return false, err
	}
	r.to, r.families = to, point.Families(names, r.series.Metadata())
	r.resources = point.NewResources(targets, r.service)
	return true, nil
}

// passed counts what retention took before it was sent, as far as that is seen.
func (r *readings) passed() {
	oldest := r.series.Status().Oldest
	if r.oldest != 0 && r.oldest <= r.at && oldest > r.at {
		r.counter.drop("seconds of metrics were not sent while they were kept", (oldest-r.at)/1000)
		r.at = oldest - 1
	}
	r.oldest = oldest
}

// read reads the next family.
func (r *readings) read(ctx context.Context) error {
	f := &r.families[0]
	series := make(map[string][]metrics.Stretch, len(f.Names))
	for _, name := range f.Names {
		found, err := r.series.Samples(ctx, name, r.at, r.to)
		if err != nil {
			return err
		}
		series[name] = found
	}
	points, left := f.Points(series, r.resources)
	r.counter.drop("histograms that OpenTelemetry has no form for", int64(left))
	r.points, r.families = append(r.points, points...), r.families[1:]
	return nil
}

// done implements source.
func (r *readings) done() {
	r.points, r.taken = r.points[r.taken:], 0
	if len(r.points) == 0 {
		r.points = nil
	}
}

func (r *readings) waiting() int64 { return -1 }

func (r *readings) close() {}
