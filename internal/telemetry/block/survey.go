package block

import "github.com/banyanrun/banyan/internal/telemetry/signal"

// TraceInfo is what a block says of a trace without its columns.
type TraceInfo struct {
	Trace      signal.TraceID
	First, End uint32 // its rows
	Start      int64
	Duration   int64
	Errors     int
	// Of the span without a parent; empty: the block does not have it.
	RootService, RootName string
}

// Survey calls yield with each trace of a block of spans, in the order of the rows.
func (r *Reader) Survey(yield func(TraceInfo)) error {
	if err := r.loadTraces(); err != nil {
		return err
	}
	if err := r.loadTable(); err != nil {
		return err
	}
	for i := range r.traces.ends {
		first, end := r.traces.rows(i)
		info := TraceInfo{
			Trace: r.traces.id(i), First: uint32(first), End: uint32(end),
			Start: r.traces.starts[i], Duration: r.traces.lengths[i], Errors: int(r.traces.errs[i]),
		}
		if root := r.traces.roots[i]; root&1 == 1 {
			tp := r.table.templates[r.rows[first+int(root>>1)]]
			info.RootService, info.RootName = r.table.resources[tp.resource].Service, r.table.names[tp.name]
		}
		yield(info)
	}
	return nil
}
