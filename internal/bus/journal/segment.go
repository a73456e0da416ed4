package journal

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"sort"
	"sync"

	"github.com/banyanrun/banyan/internal/bus/engine"
	"github.com/banyanrun/banyan/internal/bus/journal/fsys"
)

// Every so many records, or bytes if they come first, a group is in the index.
const (
	indexRecords = 64
	indexBytes   = 32 << 10
)

// segment is one file of a topic.
type segment struct {
	header
	contents // of the active one guarded by topic.mu, and changed by the writer alone

	name string
	mu   sync.RWMutex // held while file is used; written while it is closed
	file fsys.File    // nil: closed
}

// contents is what is known of a segment's records.
type contents struct {
	first, last uint64 // last is first-1 where there are none
	end         int64  // where the next group goes
	index       []place
	newest      int64 // the latest time, in microseconds since 1970
	until       int64 // when the last of its ids is forgotten, as newest
	ids         map[engine.ID]remembered
}

// place is where a group begins.
type place struct {
	first uint64
	at    int64
}

// remembered is a record for deduplication.
type remembered struct {
	offset uint64
	until  int64 // microseconds since 1970
}

func empty(first uint64) contents {
	return contents{first: first, last: first - 1, end: headerSize, ids: map[engine.ID]remembered{}}
}

func (c *contents) none() bool { return c.last < c.first }

// note takes up a group that is whole, and is the next one.
func (c *contents) note(data []byte, g group) {
	if n := len(c.index); n == 0 || g.last()-c.index[n-1].first >= indexRecords || c.end-c.index[n-1].at >= indexBytes {
		c.index = append(c.index, place{g.first, c.end})
	}
	body := data[groupSize:]
	for offset := g.first; offset <= g.last() && !g.hole; offset++ {
		size := 8 + int64(order.Uint32(body[4:]))
		micro := timeOf(body)
		c.newest = max(c.newest, micro)
		if until := until(micro, dedupOf(body)); until > 0 {
			c.until = max(c.until, until)
			c.ids[idOf(body)] = remembered{offset, until}
		}
		body = body[pad(size):]
	}
	c.last = g.last()
	c.end += groupSize + int64(g.bytes)
}

// seek returns where the group that holds an offset, or one before it, begins.
func (c *contents) seek(offset uint64) int64 {
	i := sort.Search(len(c.index), func(i int) bool { return c.index[i].first > offset })
	if i == 0 {
		return headerSize
	}
	return c.index[i-1].at
}

// readAt reads the segment; it returns errRemoved when retention was faster.
func (s *segment) readAt(b []byte, at int64) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.file == nil {
		return errRemoved
	}
	_, err := s.file.ReadAt(b, at)
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: the file is shorter than it was", errFormat)
	}
	return err
}

var errRemoved = errors.New("the segment was removed")

func (s *segment) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.file != nil {
		_ = s.file.Close() // nothing is left to be written: each group was synced
		s.file = nil
	}
}

func segmentName(dir string, number uint64) string {
	return filepath.Join(dir, fmt.Sprintf("%08d.seg", number))
}

// walk goes through the groups of a segment, of which data is the whole file,
// and calls see for each that is whole and the next one. It returns where the
// first thing that is not begins.
func walk(data []byte, salt, next uint64, see func(data []byte, g group)) int64 {
	at := int64(headerSize)
	for {
		g, ok := wholeGroup(data[at:], salt)
		if !ok || g.first != next {
			return at
		}
		size := groupSize + int64(g.bytes)
		see(data[at:at+size], g)
		at += size
		next += uint64(g.records)
	}
}

// wholeGroup checks the group at the beginning of data and each of its records.
func wholeGroup(data []byte, salt uint64) (group, bool) {
	g, ok := parseGroup(data, salt)
	if !ok || g.records == 0 || g.bytes%align != 0 || int64(g.bytes) > int64(len(data)-groupSize) {
		return g, false
	}
	if g.hole {
		return g, true
	}
	body := data[groupSize : groupSize+int64(g.bytes)]
	for i := range uint64(g.records) {
		var err error
		if _, body, err = cut(body, g.first+i); err != nil {
			return g, false
		}
	}
	return g, len(body) == 0
}

// tail tells what lies behind the last whole group: nothing, a write that was cut
// short, or damage, which is when there is a group that is not the next one.
func tail(data []byte, end int64, salt, next uint64) (dirty, damaged bool) {
	for at := end; at+align <= int64(len(data)); at += align {
		word := order.Uint64(data[at:])
		dirty = dirty || word != 0
		if word != salt {
			continue
		}
		if g, ok := parseGroup(data[at:], salt); ok && (at != end || g.first != next) {
			return true, true
		}
	}
	return dirty, false
}
