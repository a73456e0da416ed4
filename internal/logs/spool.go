package logs

import (
	"bytes"
	"errors"
	"io"
	"os"
	"sync"
	"time"
	"unicode/utf8"
)

const (
	// maxLine is where a long line is cut, in bytes.
	maxLine = 64 << 10
	// chunk is how much of a spool is read at once, in bytes; more than maxLine.
	chunk = 256 << 10
	// turn is how much one stream may take before others have theirs, in bytes.
	turn = 4 << 20
	// maxBacklog is how much may wait in a spool while nothing can be stored;
	// then all but the last keepBacklog bytes are dropped and counted.
	maxBacklog  = 16 << 20
	keepBacklog = 1 << 20
)

var buffers = sync.Pool{New: func() any { return new([chunk]byte) }}

// stream is one spool file. Its store's mu guards it.
type stream struct {
	in     *instance
	name   string // Stdout or Stderr
	path   string
	offset int64 // consumed
	punch  int64 // given back to the file system
	cut    bool  // the last record's line goes on
	lost   int64 // lines dropped and not recorded yet
}

// instance is one that is being tailed.
type instance struct {
	name    string
	store   *store
	streams [2]*stream
	watches []*watch // guarded by store.mu
	ended   bool     // guarded by store.mu
}

// drained says what one drain found.
type drained struct {
	stored  bool // records were added
	more    bool // its turn was over before the spool was
	partial bool // the last line has no end yet
}

// drain stores what the spool holds. With flush a last line without newline is
// stored, too. The caller holds the store's mu.
func (c *Collector) drain(s *stream, flush bool) (d drained, err error) {
	f, err := os.Open(s.path)
	if errors.Is(err, os.ErrNotExist) {
		return d, nil
	}
	if err != nil {
		return d, err
	}
	defer f.Close()
	if fi, err := f.Stat(); err == nil && fi.Size() < s.offset {
		s.offset, s.punch, s.cut = 0, 0, false // somebody truncated it
	}
	s.offset = skipHole(f, s.offset)
	buf := buffers.Get().(*[chunk]byte) //nolint:forcetypeassert // the pool's only type
	defer buffers.Put(buf)
	for begin := s.offset; ; {
		n, err := f.ReadAt(buf[:], s.offset)
		if n == 0 {
			return d, ignoreEOF(err)
		}
		used, stored, err := c.store(s, buf[:n], flush && n < chunk)
		if err != nil {
			c.shed(s, f)
			return d, err
		}
		d.stored = d.stored || stored
		c.trim(s, false)
		if d.partial = used < n && n < chunk; d.partial || n < chunk {
			return d, nil
		}
		if s.offset-begin >= turn && !flush {
			d.more = true
			return d, nil
		}
	}
}

func ignoreEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// store splits data into lines and appends them. It returns how much of data
// was used; the rest is a line without end.
func (c *Collector) store(s *stream, data []byte, flush bool) (used int, stored bool, err error) {
	st := s.in.store
	e := entry{Time: st.stamp(c.now()), Instance: s.in.name, Stream: s.name}
	b := c.batch(s, &e)
	cut := s.cut
	for used < len(data) {
		line, n, more := nextLine(data[used:], flush)
		if n == 0 {
			break
		}
		used += n
		if len(line) > 0 || !cut || more { // the mere end of a cut line is no line
			b.add(&e, line, s.offset+int64(used), more)
		}
		cut = more
	}
	if b.records > 0 {
		if err := st.append(b.buf, b.records); err != nil {
			return 0, false, err
		}
		s.lost = 0
	}
	s.offset += int64(used)
	s.cut = cut
	if used > 0 {
		st.offsets[s.key()] = s.offset
	}
	b.tell()
	return used, b.records > 0, nil
}

func (s *stream) key() string { return s.in.name + "." + s.name }

// nextLine returns the first line of data without its newline and how many bytes
// it takes; 0 if its end is not there yet. more says that the line goes on.
func nextLine(data []byte, flush bool) (line []byte, n int, more bool) {
	i := bytes.IndexByte(data[:min(len(data), maxLine+1)], '\n')
	switch {
	case i >= 0:
		return bytes.TrimSuffix(data[:i], []byte{'\r'}), i + 1, false
	case len(data) > maxLine:
		n = maxLine
		for n > maxLine-utf8.UTFMax && !utf8.RuneStart(data[n]) {
			n--
		}
		return data[:n], n, true
	case flush:
		return data, len(data), true
	}
	return nil, 0, false
}

// batch collects records for one append.
type batch struct {
	c       *Collector
	in      *instance
	buf     []byte
	records int
	hits    []*watch
}

func (c *Collector) batch(s *stream, e *entry) *batch {
	b := &batch{c: c, in: s.in}
	if s.lost > 0 {
		note := *e
		note.Lost, note.Offset = s.lost, s.offset
		b.buf = appendRecord(b.buf, &note, nil)
		b.records++
	}
	return b
}

func (b *batch) add(e *entry, line []byte, offset int64, cut bool) {
	if b.c.redact != nil {
		line = b.c.redact(b.in.store.service, line)
	}
	e.Offset, e.Cut = offset, cut
	b.buf = appendRecord(b.buf, e, line)
	b.records++
	for _, w := range b.in.watches {
		if w.re.Match(line) {
			b.hits = append(b.hits, w)
		}
	}
}

// tell fires the watches whose lines are stored now.
func (b *batch) tell() {
	for _, w := range b.hits {
		b.in.fire(w)
	}
}

// shed drops the oldest of a backlog that cannot be stored: it is what fills
// the disk.
func (c *Collector) shed(s *stream, f *os.File) {
	fi, err := f.Stat()
	if err != nil || fi.Size()-s.offset <= maxBacklog {
		return
	}
	buf := buffers.Get().(*[chunk]byte) //nolint:forcetypeassert // the pool's only type
	defer buffers.Put(buf)
	lost := int64(0)
	for to := fi.Size() - keepBacklog; s.offset < to; {
		n, err := f.ReadAt(buf[:min(chunk, to-s.offset)], s.offset)
		if n == 0 || err != nil && !errors.Is(err, io.EOF) {
			break
		}
		lost += int64(bytes.Count(buf[:n], []byte{'\n'}))
		s.offset += int64(n)
	}
	s.lost += lost
	c.lost.Add(lost)
	s.in.store.offsets[s.key()] = s.offset
	c.trim(s, true)
	c.log.Warn("log lines were dropped: they cannot be stored", "instance", s.in.name, "stream", s.name, "lines", lost)
}

// trim gives the consumed part of the spool back, in steps of trimEvery.
// Appends go on meanwhile: the file's size does not change.
func (c *Collector) trim(s *stream, now bool) {
	const page = 4 << 10
	to := s.offset &^ (page - 1)
	if to <= s.punch || !now && to-s.punch < c.trimEvery {
		return
	}
	if err := punchHole(s.path, s.punch, to-s.punch); err != nil {
		c.unpunched.Do(func() { c.log.Warn("spools cannot be trimmed while in use here", "err", err) })
	}
	s.punch = to
}

// quiet is how long a line may be without its end before it is stored as it is.
const quiet = time.Second
