package h2

// streams are the streams that have not ended: in a list, ascending by
// identifier for those of one side, and by identifier in a table with open addressing.
type streams struct {
	first, last *Stream
	table       []*Stream // a power of two, at most half full
	count       int
	free        *Stream // recycled ones, linked by next
	freed       int
}

const (
	minTable = 8
	maxFree  = 256 // how many streams are kept for use again
)

// slot is where id is to be looked for first. Identifiers of one side are two apart.
func (t *streams) slot(id uint32) int {
	const spread = 0x9E3779B1
	return int(id*spread>>8) & (len(t.table) - 1)
}

// get returns the stream; nil: it is not open.
func (t *streams) get(id uint32) *Stream {
	if len(t.table) == 0 {
		return nil
	}
	for i := t.slot(id); ; i = (i + 1) & (len(t.table) - 1) {
		if s := t.table[i]; s == nil || s.id == id {
			return s
		}
	}
}

// add takes s in.
func (t *streams) add(s *Stream) {
	if 2*(t.count+1) > len(t.table) {
		t.table = make([]*Stream, max(minTable, 2*len(t.table)))
		for o := t.first; o != nil; o = o.next {
			t.place(o)
		}
	}
	t.count++
	t.place(s)
	s.prev, s.next = t.last, nil
	if t.last == nil {
		t.first = s
	} else {
		t.last.next = s
	}
	t.last = s
}

func (t *streams) place(s *Stream) {
	i := t.slot(s.id)
	for t.table[i] != nil {
		i = (i + 1) & (len(t.table) - 1)
	}
	t.table[i] = s
}

// remove takes s out. Streams behind it in the table move up to where they are found.
func (t *streams) remove(s *Stream) {
	mask := len(t.table) - 1
	i := t.slot(s.id)
	for t.table[i] != s {
		i = (i + 1) & mask
	}
	for j := (i + 1) & mask; t.table[j] != nil; j = (j + 1) & mask {
		if home := t.slot(t.table[j].id); (j-home)&mask >= (j-i)&mask {
			t.table[i], i = t.table[j], j
		}
	}
	t.table[i] = nil
	t.count--
	if s.prev == nil {
		t.first = s.next
	} else {
		s.prev.next = s.next
	}
	if s.next == nil {
		t.last = s.prev
	} else {
		s.next.prev = s.prev
	}
	s.prev, s.next = nil, nil
}

// take returns a Stream that is zero.
func (t *streams) take() *Stream {
	s := t.free
	if s == nil {
		return new(Stream)
	}
	t.free = s.next
	t.freed--
	s.next = nil
	return s
}

// recycle keeps s for use again.
func (t *streams) recycle(s *Stream) {
	*s = Stream{}
	if t.freed < maxFree {
		s.next, t.free = t.free, s
		t.freed++
	}
}

// queue is streams in the order in which they are to go on.
type queue struct{ first, last *Stream }

func (q *queue) push(s *Stream) {
	s.queued, s.before, s.after = true, q.last, nil
	if q.last == nil {
		q.first = s
	} else {
		q.last.after = s
	}
	q.last = s
}

func (q *queue) remove(s *Stream) {
	if !s.queued {
		return
	}
	if s.before == nil {
		q.first = s.after
	} else {
		s.before.after = s.after
	}
	if s.after == nil {
		q.last = s.before
	} else {
		s.after.before = s.before
	}
	s.queued, s.before, s.after = false, nil, nil
}

// ending is how a stream ended.
type ending uint8

const (
	neverKnown  ending = iota // or forgotten
	endedWell                 // both sides said so
	resetByUs                 // frames that were under way may still come
	resetByPeer               // nothing may come any more
)

const remembered = 128

// history remembers the last streams that ended: what late frames mean depends
// on how (RFC 9113 section 5.1). Many more can be reset by us at once, and what
// the peer had sent by then is no error of its: of those that are forgotten the
// highest identifier stays known, and what is not above it passes for reset by us.
type history struct {
	ids    [remembered]uint32
	ends   [remembered]ending
	next   int    // how many there ever were
	forgot uint32 // the highest that was reset by us and is forgotten; 0: none was
}

// full reports whether streams were forgotten.
func (h *history) full() bool { return h != nil && h.next > remembered }

func (h *history) how(id uint32) ending {
	if h == nil {
		return neverKnown
	}
	for i := range h.ids {
		if h.ids[i] == id {
			return h.ends[i]
		}
	}
	if id <= h.forgot {
		return resetByUs
	}
	return neverKnown
}

// set remembers how the stream ended, and forgets the oldest.
func (h *history) set(id uint32, how ending) {
	at := h.next % remembered
	if h.ends[at] == resetByUs {
		h.forgot = max(h.forgot, h.ids[at])
	}
	h.ids[at], h.ends[at] = id, how
	h.next++
}

// replace changes what is remembered of id; false: nothing is.
func (h *history) replace(id uint32, how ending) bool {
	for i := range h.ids {
		if h.ids[i] == id {
			h.ends[i] = how
			return true
		}
	}
	return false
}
