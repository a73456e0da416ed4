package logs

import (
	"context"
	"iter"
	"os"
	"slices"
	"time"
)

// Query hands out the records of the past that match, in order of time. What
// instances have written up to now is among them.
func (c *Collector) Query(ctx context.Context, f Filter) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		stores := c.chosen(f.Services)
		c.settle(stores, f.Instances)
		c.past(ctx, f, stores, ends(stores), yield)
	}
}

// Tail returns the last n lines of an instance, or of a service if instance is
// empty; what was written up to now is among them.
func (c *Collector) Tail(service, instance string, n int) []Record {
	if n <= 0 {
		return nil
	}
	f := Filter{Services: []string{service}, Tail: n}
	if instance != "" {
		f.Instances = []string{instance}
	}
	var out []Record
	for r, err := range c.Query(context.Background(), f) {
		if err == nil {
			out = append(out, r)
		}
	}
	return out
}

// past yields what lies before the ends. It returns false when yield did.
func (c *Collector) past(ctx context.Context, f Filter, stores []*store, ends []position, yield func(Record, error) bool) bool {
	if f.Tail < 0 {
		return true
	}
	if f.Tail > 0 {
		return c.tail(ctx, f, stores, ends, yield)
	}
	var readers []*reader
	for i, st := range stores {
		r := &reader{st: st, filter: &f, at: startOf(), end: ends[i]}
		r.skipTo(f.Since)
		readers = append(readers, r)
	}
	return merge(readers, func(r Record) bool {
		if err := ctx.Err(); err != nil {
			yield(Record{}, err)
			return false
		}
		return yield(r, nil)
	})
}

func (c *Collector) tail(ctx context.Context, f Filter, stores []*store, ends []position, yield func(Record, error) bool) bool {
	var all []Record
	for i, st := range stores {
		if err := ctx.Err(); err != nil {
			yield(Record{}, err)
			return false
		}
		all = append(all, lastOf(st, &f, ends[i])...)
	}
	slices.SortStableFunc(all, func(a, b Record) int { return a.Time.Compare(b.Time) })
	for _, r := range all[max(0, len(all)-f.Tail):] {
		if !yield(r, nil) {
			return false
		}
	}
	return true
}

// lastOf returns the last f.Tail records before end that match, reading
// backwards in steps of the marks' distance.
func lastOf(st *store, f *Filter, end position) []Record {
	var found []Record // of later parts
	for _, seq := range slices.Backward(segments(st.dir)) {
		if seq > end.seq {
			continue
		}
		to := end.off
		if seq < end.seq {
			to = fileSize(segmentPath(st.dir, seq))
		}
		for to > 0 && len(found) < f.Tail {
			var part []Record
			part, to = partBefore(st, f, seq, to)
			found = append(part, found...)
		}
		if len(found) >= f.Tail {
			break
		}
	}
	return found[max(0, len(found)-f.Tail):]
}

// partBefore reads the last part of a segment before to, from a mark on.
func partBefore(st *store, f *Filter, seq int, to int64) ([]Record, int64) {
	file, err := os.Open(segmentPath(st.dir, seq))
	if err != nil {
		return nil, 0
	}
	defer file.Close()
	from := lastMark(file, to)
	var part []Record
	for l := newLineReader(file, from, to); ; {
		line, _, whole := l.next()
		if !whole {
			return part, from
		}
		if e, ok := decode(line); ok && e.isRecord() && f.match(&e) {
			part = append(part, e.record(st.service))
		}
	}
}

func fileSize(path string) int64 {
	fi, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return fi.Size()
}

// chosen returns the stores of the services, of all if none are named.
func (c *Collector) chosen(services []string) []*store {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []*store
	for name, st := range c.stores {
		if len(services) == 0 || slices.Contains(services, name) {
			out = append(out, st)
		}
	}
	slices.SortFunc(out, func(a, b *store) int {
		if a.service < b.service {
			return -1
		}
		return 1
	})
	return out
}

func ends(stores []*store) []position {
	out := make([]position, len(stores))
	for i, st := range stores {
		out[i] = st.position()
	}
	return out
}

// settle stores what the chosen instances have written up to now.
func (c *Collector) settle(stores []*store, instances []string) {
	c.mu.Lock()
	var streams []*stream
	for _, in := range c.instances {
		if slices.Contains(stores, in.store) && (len(instances) == 0 || slices.Contains(instances, in.name)) {
			streams = append(streams, in.streams[:]...)
		}
	}
	c.mu.Unlock()
	stored := false
	for _, s := range streams {
		stored = c.visit(s, false) || stored
	}
	if stored {
		c.announce()
	}
}

// Follow hands out the past that matches and then what comes, until ctx ends or
// the Collector is closed; neither is reported as an error. Nothing is doubled
// and nothing left out, but a reader so slow that segments are dropped under it
// gets a Record with Lost, the number of lines of the service that it missed.
// Following holds no records in memory.
func (c *Collector) Follow(ctx context.Context, f Filter) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		stores := c.chosen(f.Services)
		c.settle(stores, f.Instances)
		at := map[*store]position{}
		from := ends(stores)
		for i, st := range stores {
			at[st] = from[i]
		}
		if !c.past(ctx, f, stores, from, yield) {
			return
		}
		c.live(ctx, f, at, yield)
	}
}

// live yields what is added after the positions.
func (c *Collector) live(ctx context.Context, f Filter, at map[*store]position, yield func(Record, error) bool) {
	f.Since = time.Time{} // what comes is later than now
	for {
		c.mu.Lock()
		changed := c.changed
		c.mu.Unlock()
		var readers []*reader
		for _, st := range c.chosen(f.Services) {
			from, seen := at[st]
			if !seen {
				from = startOf() // a service that came to be since
			}
			if end := st.position(); end.seq != from.seq || end.off != from.off {
				readers = append(readers, &reader{st: st, filter: &f, at: from, end: end})
			}
		}
		if !merge(readers, func(r Record) bool { return ctx.Err() == nil && yield(r, nil) }) {
			return
		}
		for _, r := range readers {
			at[r.st] = r.at
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		case <-c.stop:
			return
		}
	}
}
