package metrics

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"

	"github.com/banyanrun/banyan/internal/fault"
)

// Lookup says which series are looked at: those that match any of the selectors
// (all, where there are none) and have a sample between two times.
type Lookup struct {
	Selectors []string
	From, To  time.Time
	// Limit bounds the answer. Zero: 10,000.
	Limit int
}

func (l *Lookup) limit() int {
	if l.Limit <= 0 || l.Limit > 10_000 {
		return 10_000
	}
	return l.Limit
}

// Series are the labels of series, sorted; true: there are more than were asked for.
func (s *Store) Series(ctx context.Context, l Lookup) ([]Labels, bool, error) {
	if len(l.Selectors) == 0 {
		return nil, false, fault.New(fault.Invalid, "no series were asked for").Fix("name a selector, such as up or {service=\"cart\"}")
	}
	var found []Labels
	err := s.look(ctx, l, func(ctx context.Context, q storage.Querier, m []*labels.Matcher) error {
		set := q.Select(ctx, true, &storage.SelectHints{Start: l.From.UnixMilli(), End: l.To.UnixMilli(), Func: "series", Limit: l.limit() + 1}, m...)
		for n := 0; n <= l.limit() && set.Next(); n++ {
			found = append(found, labelsOf(set.At().Labels()))
		}
		return set.Err()
	})
	slices.SortFunc(found, Labels.Compare)
	found = slices.CompactFunc(found, func(a, b Labels) bool { return a.Compare(b) == 0 })
	return cut(found, l.limit(), err)
}

// LabelNames are the names of the labels of series, sorted.
func (s *Store) LabelNames(ctx context.Context, l Lookup) ([]string, bool, error) {
	return s.texts(ctx, l, func(ctx context.Context, q storage.Querier, m []*labels.Matcher) ([]string, error) {
		names, _, err := q.LabelNames(ctx, &storage.LabelHints{Limit: l.limit() + 1}, m...)
		return names, err
	})
}

// LabelValues are the values that a label has in series, sorted.
func (s *Store) LabelValues(ctx context.Context, name string, l Lookup) ([]string, bool, error) {
	return s.texts(ctx, l, func(ctx context.Context, q storage.Querier, m []*labels.Matcher) ([]string, error) {
		values, _, err := q.LabelValues(ctx, name, &storage.LabelHints{Limit: l.limit() + 1}, m...)
		return values, err
	})
}

func (s *Store) texts(ctx context.Context, l Lookup, read func(context.Context, storage.Querier, []*labels.Matcher) ([]string, error)) ([]string, bool, error) {
	found := map[string]bool{}
	err := s.look(ctx, l, func(ctx context.Context, q storage.Querier, m []*labels.Matcher) error {
		texts, err := read(ctx, q, m)
		for _, t := range texts {
			found[t] = true
		}
		return err
	})
	return cut(slices.Sorted(maps.Keys(found)), l.limit(), err)
}

func cut[T any](found []T, limit int, err error) ([]T, bool, error) {
	if err != nil {
		return nil, false, err
	}
	return found[:min(len(found), limit)], len(found) > limit, nil
}

// look calls read for each selector, or once without one.
func (s *Store) look(ctx context.Context, l Lookup, read func(context.Context, storage.Querier, []*labels.Matcher) error) error {
	sets, err := selectors(l.Selectors)
	if err != nil {
		return err
	}
	if len(sets) == 0 {
		sets = [][]*labels.Matcher{nil}
	}
	ctx, done, err := s.use(ctx)
	if err != nil {
		return err
	}
	defer done()
	ctx, cancel := context.WithTimeout(ctx, s.options.QueryTimeout)
	defer cancel()
	q, err := s.db.Querier(l.From.UnixMilli(), l.To.UnixMilli())
	if err != nil {
		return fault.New(fault.Damaged, "stored metrics cannot be read: %w", err).At(s.options.Dir)
	}
	defer func() { _ = q.Close() }() // it was only read
	for _, m := range sets {
		if err := read(ctx, q, m); err != nil {
			return s.queryError(ctx, err)
		}
	}
	return nil
}

// Exemplars are those of the series that an expression selects, between two times. The
// newest of all series are in memory; none is older than samples are.
func (s *Store) Exemplars(ctx context.Context, expr string, from, to time.Time) ([]ExemplarSeries, error) {
	e, err := promqlParser.ParseExpr(expr)
	if err != nil {
		return nil, syntax(expr, err)
	}
	chosen := parser.ExtractSelectors(e)
	if len(chosen) == 0 {
		return nil, nil
	}
	ctx, done, err := s.use(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	q, err := s.db.ExemplarQuerier(ctx)
	if err != nil {
		return nil, s.queryError(ctx, err)
	}
	if oldest := s.options.Now().Add(-s.keep.bounds.Load().MaxAge); from.Before(oldest) {
		from = oldest
	}
	found, err := q.Select(from.UnixMilli(), to.UnixMilli(), chosen...)
	if err != nil {
		return nil, s.queryError(ctx, err)
	}
	out := make([]ExemplarSeries, len(found))
	for i, f := range found {
		out[i].Labels = labelsOf(f.SeriesLabels)
		for _, x := range f.Exemplars {
			out[i].Exemplars = append(out[i].Exemplars, Exemplar{Labels: labelsOf(x.Labels), Value: x.Value, Time: x.Ts})
		}
	}
	return out, nil
}

// namesIn are the names of the metrics in an expression.
func namesIn(e parser.Expr) []string {
	var names []string
	parser.Inspect(e, func(n parser.Node, _ []parser.Node) error {
		if v, ok := n.(*parser.VectorSelector); ok && v.Name != "" {
			names = append(names, v.Name)
		}
		return nil
	})
	slices.Sort(names)
	return slices.Compact(names)
}
