package proxy

import (
	"bufio"
	"io"
	"strconv"
	"sync/atomic"
	"time"
	"unicode/utf8"
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
	accessQueue = 4096                   // records that may wait
	accessFlush = 100 * time.Millisecond // the longest a written record stays in the buffer
)

// accessLog writes records without ever holding a request up: what does not
// fit the queue is dropped and counted.
type accessLog struct {
	w       io.Writer // nil: there is no log
	queue   chan *record
	done    chan struct{}
	dropped atomic.Int64
}

func newAccessLog(w io.Writer) *accessLog {
	return &accessLog{w: w, queue: make(chan *record, accessQueue), done: make(chan struct{})}
}

func (a *accessLog) add(r *record) {
	if a.w == nil {
		return
	}
	select {
	case a.queue <- r:
	default:
		a.dropped.Add(1)
	}
}

// close lets run write what is queued and return.
func (a *accessLog) close() { close(a.done) }

// run writes until close. It sleeps while there is nothing to write or flush.
func (a *accessLog) run() {
	if a.w == nil {
		<-a.done
		return
	}
	w := bufio.NewWriterSize(a.w, 64<<10)
	defer func() { _ = w.Flush() }() // nobody is left to tell
	var (
		line  []byte
		flush <-chan time.Time
	)
	write := func(r *record) {
		if n := a.dropped.Swap(0); n > 0 {
			line = append(strconv.AppendInt(append(line[:0], `{"dropped":`...), n, 10), "}\n"...)
			_, _ = w.Write(line)
		}
		line = r.append(line[:0])
		_, _ = w.Write(line)
	}
	for {
		select {
		case r := <-a.queue:
			write(r)
			if flush == nil {
				flush = time.After(accessFlush)
			}
		case <-flush:
			_ = w.Flush()
			flush = nil
		case <-a.done:
			for len(a.queue) > 0 {
				write(<-a.queue)
			}
			return
		}
	}
}

// append adds the record as a line of JSON.
func (r *record) append(b []byte) []byte {
	b = append(b, `{"time":"`...)
	b = r.time.UTC().AppendFormat(b, "2006-01-02T15:04:05.000000Z07:00")
	b = append(b, '"')
	b = field(b, "client", r.client)
	b = field(b, "method", r.method)
	b = field(b, "host", r.host)
	b = field(b, "path", r.path)
	b = field(b, "proto", r.proto)
	b = field(b, "route", r.route)
	b = field(b, "service", r.service)
	b = field(b, "instance", r.instance)
	b = field(b, "revision", r.revision)
	b = number(b, "status", int64(r.status))
	b = number(b, "bytes_in", r.in)
	b = number(b, "bytes_out", r.out)
	b = millis(b, "ms", r.total)
	b = millis(b, "upstream_ms", r.upstream)
	b = number(b, "tries", int64(r.tries))
	b = field(b, "error", string(r.code))
	b = field(b, "request_id", r.requestID)
	b = field(b, "trace_id", r.traceID)
	b = field(b, "user_agent", r.agent)
	return append(b, "}\n"...)
}

// field adds a string; an empty one is left out.
func field(b []byte, name, v string) []byte {
	if v == "" {
		return b
	}
	b = append(append(append(b, `,"`...), name...), `":`...)
	return quote(b, v)
}

func number(b []byte, name string, v int64) []byte {
	b = append(append(append(b, `,"`...), name...), `":`...)
	return strconv.AppendInt(b, v, 10)
}

func millis(b []byte, name string, d time.Duration) []byte {
	b = append(append(append(b, `,"`...), name...), `":`...)
	return strconv.AppendFloat(b, float64(d.Microseconds())/1000, 'f', -1, 64)
}

// quote adds s as a JSON string.
func quote(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
			i++
		case c < 0x20 || c == 0x7f:
			b = append(b, `\u00`...)
			b = append(b, hex[c>>4], hex[c&15])
			i++
		case c < utf8.RuneSelf:
			b = append(b, c)
			i++
		default:
			r, n := utf8.DecodeRuneInString(s[i:])
			b = utf8.AppendRune(b, r) // a broken one becomes U+FFFD
			i += n
		}
	}
	return append(b, '"')
}
