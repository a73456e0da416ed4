package metrics

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"

	"github.com/banyanrun/banyan/internal/fault"
)

// maxSteps is how many points of one series a range query returns at most.
const maxSteps = 11_000

// Query evaluates PromQL at a time. The error is a fault: Invalid where the
// expression or what it is asked of is wrong (a *SyntaxError is in its chain where
// it cannot be parsed), Timeout, Unavailable, or Damaged where data cannot be read.
func (s *Store) Query(ctx context.Context, expr string, at time.Time) (*Result, error) {
	return s.query(ctx, s.slots, expr, s.instant(expr, at))
}

// QueryRange evaluates PromQL at each step between two times, both included. Step
// is at least a millisecond, and there are at most 11,000 of them. Errors are those
// of Query.
func (s *Store) QueryRange(ctx context.Context, expr string, from, to time.Time, step time.Duration) (*Result, error) {
	switch {
	case step < time.Millisecond:
		return nil, fault.New(fault.Invalid, "a step of %v is too short", step).Fix("let it be a millisecond or more")
	case to.Before(from):
		return nil, fault.New(fault.Invalid, "the end of the range is before its start")
	case to.Sub(from)/step > maxSteps:
		return nil, fault.New(fault.Invalid, "exceeded maximum resolution of 11,000 points per timeseries").Fix("ask for a longer step or a shorter range")
	}
	return s.query(ctx, s.slots, expr, func(ctx context.Context) (promql.Query, error) {
		return s.engine.NewRangeQuery(ctx, s.db, nil, expr, from, to, step)
	})
}

// instant prepares a query at a time.
func (s *Store) instant(expr string, at time.Time) func(context.Context) (promql.Query, error) {
	return func(ctx context.Context) (promql.Query, error) {
		return s.engine.NewInstantQuery(ctx, s.db, nil, expr, at)
	}
}

// query evaluates what prepare returns once one of the slots is free.
func (s *Store) query(ctx context.Context, slots chan struct{}, expr string, prepare func(context.Context) (promql.Query, error)) (_ *Result, err error) {
	if err := Parse(expr); err != nil {
		return nil, err
	}
	ctx, done, err := s.use(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	// The wait for others counts.
	ctx, cancel := context.WithTimeout(ctx, s.options.QueryTimeout)
	defer cancel()
	select {
	case slots <- struct{}{}:
		defer func() { <-slots }()
	case <-ctx.Done():
		return nil, s.queryError(ctx, ctx.Err())
	}
	defer func() {
		if p := recover(); p != nil {
			s.options.Log.Error("a query panicked", "expr", expr, "panic", p, "stack", string(debug.Stack()))
			err = fault.New(fault.Internal, "the query failed: %v", p)
		}
	}()
	q, err := prepare(ctx)
	if err != nil {
		return nil, unfit(expr, err)
	}
	defer q.Close()
	r := q.Exec(ctx)
	if r.Err != nil {
		return nil, s.queryError(ctx, r.Err)
	}
	out, err := result(r)
	if err != nil {
		return nil, err
	}
	out.Warnings, out.Infos = r.Warnings.AsStrings(expr, 10, 10)
	slices.Sort(out.Warnings)
	slices.Sort(out.Infos)
	return out, nil
}

// unfit says that an expression cannot be asked in this way.
func unfit(expr string, err error) error {
	return fault.New(fault.Invalid, "the expression cannot be used here: %w", &SyntaxError{Line: 1, Column: 1, End: len(expr), Message: err.Error()})
}

func (s *Store) queryError(ctx context.Context, err error) error {
	if _, ok := errors.AsType[promql.ErrQueryTimeout](err); ok || errors.Is(err, context.DeadlineExceeded) {
		return fault.New(fault.Timeout, "the query took longer than %v", s.options.QueryTimeout).
			Fix("ask for less: fewer series, a shorter range or a longer step")
	}
	if _, ok := errors.AsType[promql.ErrQueryCanceled](err); ok || errors.Is(err, context.Canceled) {
		if s.running.Err() != nil {
			return fault.New(fault.Unavailable, "the metrics are closed: the daemon is stopping")
		}
		return fault.New(fault.Timeout, "the query was given up: %w", context.Canceled)
	}
	if _, ok := errors.AsType[promql.ErrTooManySamples](err); ok {
		return fault.New(fault.Invalid, "the query needs more than %d samples at a time", s.options.QuerySamples).
			Fix("ask for less: fewer series, a shorter range or a longer step")
	}
	if e, ok := errors.AsType[promql.ErrStorage](err); ok {
		return fault.New(fault.Damaged, "stored metrics cannot be read: %w", e.Err).At(s.options.Dir)
	}
	if ctx.Err() != nil {
		return fault.New(fault.Timeout, "the query was given up: %w", ctx.Err())
	}
	return fault.New(fault.Invalid, "the query cannot be evaluated: %w", err)
}

// result copies a result: the query's own memory is used again.
func result(r *promql.Result) (*Result, error) {
	switch v := r.Value.(type) {
	case promql.Scalar:
		return &Result{Kind: KindScalar, Scalar: Point{Time: v.T, Value: v.V}}, nil
	case promql.String:
		return &Result{Kind: KindString, Text: v.V, Scalar: Point{Time: v.T}}, nil
	case promql.Vector:
		out := &Result{Kind: KindVector, Series: make([]Series, len(v))}
		for i, sample := range v {
			out.Series[i].Labels = labelsOf(sample.Metric)
			if sample.H != nil {
				out.Series[i].Histograms = []HistogramPoint{{Time: sample.T, Distribution: distribution(sample.H)}}
			} else {
				out.Series[i].Points = []Point{{Time: sample.T, Value: sample.F}}
			}
		}
		return out, nil
	case promql.Matrix:
		out := &Result{Kind: KindMatrix, Series: make([]Series, len(v))}
		for i, series := range v {
			out.Series[i] = seriesOf(series)
		}
		return out, nil
	}
	return nil, fault.New(fault.Internal, "a query returned %T", r.Value)
}

func seriesOf(s promql.Series) Series {
	out := Series{Labels: labelsOf(s.Metric)}
	if len(s.Floats) > 0 {
		out.Points = make([]Point, len(s.Floats))
		for i, p := range s.Floats {
			out.Points[i] = Point{Time: p.T, Value: p.F}
		}
	}
	if len(s.Histograms) > 0 {
		out.Histograms = make([]HistogramPoint, len(s.Histograms))
		for i, p := range s.Histograms {
			out.Histograms[i] = HistogramPoint{Time: p.T, Distribution: distribution(p.H)}
		}
	}
	return out
}

func labelsOf(ls labels.Labels) Labels {
	out := make(Labels, 0, ls.Len())
	ls.Range(func(l labels.Label) { out = append(out, Label{Name: l.Name, Value: l.Value}) })
	return out
}

// String is a selector: {a="b", c="d"} behind the name.
func (ls Labels) String() string {
	text := "{"
	for _, l := range ls.Without(NameLabel) {
		if len(text) > 1 {
			text += ", "
		}
		text += fmt.Sprintf("%s=%q", l.Name, l.Value)
	}
	return ls.Get(NameLabel) + text + "}"
}
