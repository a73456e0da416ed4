package block

import (
	"fmt"
	"io"

	"github.com/banyanrun/banyan/internal/telemetry/match"
	"github.com/banyanrun/banyan/internal/telemetry/signal"
)

// Reader reads a block's columns, each once, as they are needed. It is for one
// goroutine and a short time: it keeps what it has read.
type Reader struct {
	b *Block
	r io.ReaderAt

	footer  *footer
	table   *table
	rows    []uint32 // templates
	times   []int64
	lengths []int64 // durations of spans
	ids     []byte
	traces  *traceList
	parents []signal.SpanID
	columns map[string]*column
}

// Read returns a Reader of the block's file.
func (b *Block) Read(r io.ReaderAt) *Reader {
	return &Reader{b: b, r: r, columns: map[string]*column{}}
}

// Meta implements Records.
func (r *Reader) Meta() Meta { return r.b.meta }

func (r *Reader) section(kind sectionType) ([]byte, error) { return r.b.section(kind).read(r.r) }

// May implements Records.
func (r *Reader) May(q *Query) (bool, error) {
	if !q.mayMeta(&r.b.meta) {
		return false, nil
	}
	if q.trace != nil {
		if may, err := r.MayTrace(*q.trace); !may || err != nil {
			return false, err
		}
	}
	values := r.b.section(secValueBloom)
	for _, n := range q.plan.Needs {
		if n.Condition != match.Equal || !r.b.meta.Kind.hashed(n.Field) {
			continue
		}
		if may, err := inBloom(r.r, values, hashField(n.Field, n.Text)); !may || err != nil {
			return false, err
		}
	}
	words := r.b.section(secWordBloom)
	for _, w := range q.words {
		if may, err := inBloom(r.r, words, hashOf(w)); !may || err != nil {
			return false, err
		}
	}
	return true, nil
}

// MayTrace implements Records.
func (r *Reader) MayTrace(id signal.TraceID) (bool, error) {
	return inBloom(r.r, r.b.section(secTraceBloom), hashOf(id[:]))
}

// loadFooter reads where the columns are.
func (r *Reader) loadFooter() (*footer, error) {
	if r.footer != nil {
		return r.footer, nil
	}
	b, err := r.b.footer.read(r.r)
	if err != nil {
		return nil, fmt.Errorf("the footer: %w", err)
	}
	r.footer, err = parseFooter(b, r.b.footer.offset)
	return r.footer, err
}

func (r *Reader) loadTable() error {
	if r.table != nil {
		return nil
	}
	b, err := r.section(secTable)
	if err != nil {
		return err
	}
	t, err := parseTable(b)
	if err != nil {
		return fmt.Errorf("the table: %w", err)
	}
	b, err = r.section(secRows)
	if err != nil {
		return err
	}
	most := len(t.templates) - 1
	rows, err := planes(b, r.b.meta.Rows, most)
	if err != nil {
		return fmt.Errorf("the rows' templates: %w", err)
	}
	for _, row := range rows {
		if int(row) > most {
			return fmt.Errorf("a row's template: %w", ErrFormat)
		}
	}
	r.table, r.rows = t, rows
	return nil
}

// planes is the opposite of appendPlanes.
func planes(b []byte, n, most int) ([]uint32, error) {
	width := widthOf(most)
	if most < 0 || len(b) != n*width {
		return nil, ErrFormat
	}
	numbers := make([]uint32, n)
	for plane := range width {
		part := b[plane*n:][:n]
		for i, c := range part {
			numbers[i] |= uint32(c) << (8 * plane)
		}
	}
	return numbers, nil
}

func (r *Reader) loadTimes() error {
	if r.times != nil {
		return nil
	}
	b, err := r.section(secTimes)
	if err != nil {
		return err
	}
	ways, rest, err := uvarints(b, r.b.meta.Rows)
	if err != nil || len(rest) > 0 {
		return fmt.Errorf("the times: %w", ErrFormat)
	}
	times := make([]int64, len(ways))
	if r.b.meta.Kind == Logs {
		last := r.b.meta.MinTime
		for i, way := range ways {
			last += int64(way)
			times[i] = last
		}
	} else {
		if err := r.loadTraces(); err != nil {
			return err
		}
		row := 0
		for i, end := range r.traces.ends {
			for last := r.traces.starts[i]; row < end; row++ {
				last += int64(ways[row])
				times[row] = last
			}
		}
	}
	r.times = times
	return nil
}

func (r *Reader) loadDurations() error {
	if r.lengths != nil {
		return nil
	}
	b, err := r.section(secDurations)
	if err != nil {
		return err
	}
	ways, rest, err := uvarints(b, r.b.meta.Rows)
	if err != nil || len(rest) > 0 {
		return fmt.Errorf("the durations: %w", ErrFormat)
	}
	lengths := make([]int64, len(ways))
	for i, way := range ways {
		lengths[i] = int64(way)
	}
	r.lengths = lengths
	return nil
}

func (r *Reader) loadIDs() error {
	if r.ids != nil {
		return nil
	}
	b, err := r.section(secIDs)
	if err != nil {
		return err
	}
	if len(b) != 8*r.b.meta.Rows {
		return fmt.Errorf("the spans' ids: %w", ErrFormat)
	}
	r.ids = b
	return nil
}

func (r *Reader) spanID(row int) signal.SpanID { return signal.SpanID(r.ids[8*row:]) }

func (r *Reader) loadParents() error {
	if r.parents != nil {
		return nil
	}
	b, err := r.section(secParents)
	if err != nil {
		return err
	}
	n := r.b.meta.Rows
	ways, far, err := uvarints(b, n)
	if err != nil {
		return fmt.Errorf("the parents: %w", ErrFormat)
	}
	p := parser{b: far}
	parents := make([]signal.SpanID, n)
	for i, way := range ways {
		switch way {
		case 0:
		case 1:
			copy(parents[i][:], p.bytes(8))
		default:
			way -= 2
			at := int64(i) - (int64(way>>1) ^ -int64(way&1))
			if at < 0 || at >= int64(n) {
				return fmt.Errorf("the parents: %w", ErrFormat)
			}
			parents[i] = r.spanID(int(at))
		}
	}
	if p.bad || len(p.b) > 0 {
		return fmt.Errorf("the parents: %w", ErrFormat)
	}
	r.parents = parents
	return nil
}
