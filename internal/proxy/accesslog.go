package proxy

import (
	"io"
	"strconv"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/banyanrun/banyan/internal/proxy/loop"
)

// record is what the access log says about one request. Paths stand without
// their query and headers are left out, but for the user agent: tokens and
// values do not belong into logs.
type record struct {
	time       time.Time
	client     string
	method     string
	host, path string
	proto      string
	route      string
	service    string
	instance   string
	revision   string
	status     int
	in, out    int64
	total      time.Duration
	upstream   time.Duration
	tries      int
	code       Code
	requestID  string
	traceID    string
	agent      string
}

const (
	accessChunk = 32 << 10               // bytes of records that are handed on together
	accessQueue = 64                     // chunks that may wait
	accessFlush = 100 * time.Millisecond // the longest a record stays with its worker
)

// accessLog writes records without ever holding a request up: workers gather
// them and hand them on in chunks; a chunk that does not fit the queue is
// dropped and its records are counted.
type accessLog struct {
	w       io.Writer // nil: there is no log
	queue   chan []byte
	spare   chan []byte
	done    chan struct{}
	dropped atomic.Int64
}

func newAccessLog(w io.Writer) *accessLog {
	return &accessLog{w: w, queue: make(chan []byte, accessQueue), spare: make(chan []byte, 4), done: make(chan struct{})}
}

// close lets run write what is queued and return.
func (a *accessLog) close() { close(a.done) }

// run writes until close.
func (a *accessLog) run() {
	for {
		select {
		case chunk := <-a.queue:
			a.write(chunk)
		case <-a.done:
			for len(a.queue) > 0 {
				a.write(<-a.queue)
			}
			return
		}
	}
}

func (a *accessLog) write(chunk []byte) {
	if n := a.dropped.Swap(0); n > 0 {
		line := append(strconv.AppendInt([]byte(`{"dropped":`), n, 10), "}\n"...)
		_, _ = a.w.Write(line) // nobody is left to tell
	}
	_, _ = a.w.Write(chunk)
	select {
	case a.spare <- chunk[:0]:
	default:
	}
}

// logBuffer is a worker's part of the access log.
type logBuffer struct {
	access  *accessLog
	loop    *loop.Loop
	buf     []byte
	records int64
	timer   *loop.Timer
	clock   secondClock
}

// add appends r; it keeps nothing of it.
func (l *logBuffer) add(r *record) {
	if l.access.w == nil {
		return
	}
	if l.buf == nil {
		select {
		case l.buf = <-l.access.spare:
		default:
			l.buf = make([]byte, 0, accessChunk+4<<10)
		}
	}
	l.buf = r.append(l.buf, &l.clock)
	l.records++
	switch {
	case len(l.buf) >= accessChunk:
		l.flush()
	case !l.timer.IsSet():
		l.timer.Set(l.loop.Now() + int64(accessFlush))
	}
}

// flush hands the records on.
func (l *logBuffer) flush() {
	if len(l.buf) == 0 {
		return
	}
	select {
	case l.access.queue <- l.buf:
		l.buf = nil
	default:
		l.access.dropped.Add(l.records)
		l.buf = l.buf[:0]
	}
	l.records = 0
	l.timer.Stop()
}

// secondClock formats times, most of which share their second with the one before.
type secondClock struct {
	second int64
	text   []byte // "2006-01-02T15:04:05."
}

func (c *secondClock) append(b []byte, t time.Time) []byte {
	if s := t.Unix(); s != c.second || c.text == nil {
		c.second = s
		c.text = t.UTC().AppendFormat(c.text[:0], "2006-01-02T15:04:05.")
	}
	b = append(b, c.text...)
	us := t.Nanosecond() / 1000
	for unit := 100_000; unit > 0; unit /= 10 {
		b = append(b, byte('0'+us/unit%10))
	}
	return append(b, 'Z')
}

// append adds the record as a line of JSON.
func (r *record) append(b []byte, clock *secondClock) []byte {
	b = clock.append(append(b, `{"time":"`...), r.time)
	b = append(b, '"')
	b = field(b, `,"client":`, r.client)
	b = field(b, `,"method":`, r.method)
	b = field(b, `,"host":`, r.host)
	b = field(b, `,"path":`, r.path)
	b = field(b, `,"proto":`, r.proto)
	b = field(b, `,"route":`, r.route)
	b = field(b, `,"service":`, r.service)
	b = field(b, `,"instance":`, r.instance)
	b = field(b, `,"revision":`, r.revision)
	b = number(b, `,"status":`, int64(r.status))
	b = number(b, `,"bytes_in":`, r.in)
	b = number(b, `,"bytes_out":`, r.out)
	b = millis(b, `,"ms":`, r.total)
	b = millis(b, `,"upstream_ms":`, r.upstream)
	b = number(b, `,"tries":`, int64(r.tries))
	b = field(b, `,"error":`, string(r.code))
	b = field(b, `,"request_id":`, r.requestID)
	b = field(b, `,"trace_id":`, r.traceID)
	b = field(b, `,"user_agent":`, r.agent)
	return append(b, "}\n"...)
}

// field adds a string; an empty one is left out.
func field(b []byte, key, v string) []byte {
	if v == "" {
		return b
	}
	return quote(append(b, key...), v)
}

func number(b []byte, key string, v int64) []byte {
	return strconv.AppendInt(append(b, key...), v, 10)
}

func millis(b []byte, key string, d time.Duration) []byte {
	us := d.Microseconds()
	b = strconv.AppendInt(append(b, key...), us/1000, 10)
	rest := us % 1000
	if rest == 0 {
		return b
	}
	b = append(b, '.')
	for unit := int64(100); rest > 0; unit /= 10 {
		b = append(b, byte('0'+rest/unit))
		rest %= unit
	}
	return b
}

// plain are the characters that stand in JSON strings as they are.
var plain = func() (t [256]bool) {
	for c := 0x20; c < 0x7f; c++ {
		t[c] = c != '"' && c != '\\'
	}
	return t
}()

// quote adds s as a JSON string.
func quote(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	for i := 0; i < len(s); {
		from := i
		for i < len(s) && plain[s[i]] {
			i++
		}
		b = append(b, s[from:i]...)
		if i == len(s) {
			break
		}
		c := s[i]
		switch {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
			i++
		case c < 0x20 || c == 0x7f:
			b = append(b, `\u00`...)
			b = append(b, hex[c>>4], hex[c&15])
			i++
		default:
			r, n := utf8.DecodeRuneInString(s[i:])
			b = utf8.AppendRune(b, r) // a broken one becomes U+FFFD
			i += n
		}
	}
	return append(b, '"')
}
