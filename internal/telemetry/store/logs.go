package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/banyanrun/banyan/internal/fault"
	"github.com/banyanrun/banyan/internal/telemetry/block"
	"github.com/banyanrun/banyan/internal/telemetry/signal"
)

const (
	logsDefault = 200
	logsMost    = 5000
)

// SearchLogs returns log records.
func (s *Store) SearchLogs(ctx context.Context, q LogQuery) (*LogResult, error) {
	at, err := parseCursor(q.Cursor)
	if err != nil {
		return nil, err
	}
	from, to := q.From, q.To
	switch {
	case q.Cursor == "":
	case q.OldestFirst:
		from = max(from, at.time)
	case to == 0 || at.time < to:
		to = at.time + 1
	}
	v := s.logs.view()
	defer v.close()
	p := picker{oldest: q.OldestFirst, limit: min(cmp.Or(max(q.Limit, 0), logsDefault), logsMost)}
	p.most = at.skip + p.limit + 1
	sources := v.newestFirst()
	if q.OldestFirst {
		sources = v.oldestFirst()
	}
	bq := block.NewQuery(block.Logs, from, to, q.Match)
	for i, src := range sources {
		if src.meta.Rows == 0 || p.enough(src.meta) {
			continue
		}
		if err := v.find(ctx, src, bq, func(r block.Records, rows []uint32) error {
			times, err := r.Times(rows)
			p.add(i, src.number, rows, times)
			return err
		}); err != nil {
			return nil, err
		}
	}
	return v.pick(ctx, sources, &p, at)
}

// cursor is where an answer ended: how many records of a time were returned.
type cursor struct {
	time int64
	skip int
}

func (c cursor) String() string { return fmt.Sprintf("%d.%d", c.time, c.skip) }

func parseCursor(s string) (c cursor, err error) {
	if s == "" {
		return c, nil
	}
	if _, err := fmt.Sscanf(s, "%d.%d", &c.time, &c.skip); err != nil || c.String() != s || c.skip < 0 || c.skip > 1<<20 {
		return c, fault.New(fault.Invalid, "%q is no cursor", s).Fix("use the one that came with an answer, or none")
	}
	return c, nil
}

// hit is a record that matches, not read yet.
type hit struct {
	time   int64
	number uint64
	source int
	row    uint32
}

// picker keeps the hits that come first.
type picker struct {
	oldest bool
	limit  int
	most   int // as many are kept: those before the cursor, the limit's, and one that tells of more
	hits   []hit
}

func (p *picker) compare(a, b hit) int {
	c := cmp.Or(cmp.Compare(a.time, b.time), cmp.Compare(a.number, b.number), cmp.Compare(a.row, b.row))
	if p.oldest {
		return c
	}
	return -c
}

func (p *picker) add(source int, number uint64, rows []uint32, times []int64) {
	for i := range min(len(rows), len(times)) {
		p.hits = append(p.hits, hit{times[i], number, source, rows[i]})
	}
	slices.SortFunc(p.hits, p.compare)
	p.hits = p.hits[:min(len(p.hits), p.most)]
}

// enough reports whether nothing in a source can come before the last hit.
func (p *picker) enough(m block.Meta) bool {
	if len(p.hits) < p.most {
		return false
	}
	last := p.hits[p.most-1].time
	return p.oldest && m.MinTime > last || !p.oldest && m.MaxTime < last
}

// pick reads the hits behind the cursor.
func (v *view) pick(ctx context.Context, sources []source, p *picker, at cursor) (*LogResult, error) {
	hits := p.hits
	for skip := at.skip; skip > 0 && len(hits) > 0 && hits[0].time == at.time; skip-- {
		hits = hits[1:]
	}
	result := &LogResult{Scan: v.scan}
	more := len(hits) > p.limit
	if more {
		hits = hits[:p.limit]
	}
	if len(hits) == 0 {
		return result, nil
	}
	read := make(map[hit]signal.Log, len(hits))
	for i, src := range sources {
		var rows []uint32
		of := map[uint32]hit{}
		for _, h := range hits {
			if h.source == i {
				rows = append(rows, h.row)
				of[h.row] = h
			}
		}
		if len(rows) == 0 {
			continue
		}
		slices.Sort(rows)
		if err := v.read(ctx, src, func(r block.Records) error {
			return r.Logs(rows, block.Want{}, func(row uint32, l *signal.Log) bool {
				read[of[row]] = *l
				return true
			})
		}); err != nil {
			return nil, err
		}
	}
	for _, h := range hits {
		if l, ok := read[h]; ok {
			result.Logs = append(result.Logs, l)
		}
	}
	if last := hits[len(hits)-1]; more {
		same := 0
		for _, h := range p.hits {
			if h == last {
				break
			}
			if h.time == last.time {
				same++
			}
		}
		result.Next = cursor{last.time, same + 1}.String()
	}
	return result, nil
}
