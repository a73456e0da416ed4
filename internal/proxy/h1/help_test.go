package h1

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/banyanrun/banyan/internal/proxy/message"
)

// outcome is what a message was read as: text, so that it can be compared and read.
type outcome struct {
	head     string // "" if there is none yet
	payload  string
	trailers string
	n        int // bytes that were taken
	done     bool
	err      *Error
}

func (o outcome) String() string {
	if o.err != nil {
		return fmt.Sprintf("error %d %q", o.err.Status, o.err.Reason)
	}
	return fmt.Sprintf("%s payload %q trailers %q, %d bytes, done %v", o.head, o.payload, o.trailers, o.n, o.done)
}

// describe is all that a head says.
func describe(h *message.Head) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s scheme=%q authority=%q path=%q status=%d %d.%d body=%d/%d close=%v expect=%v te=%v upgrade=%q trailer=%q [",
		h.Method, h.Scheme, h.Authority, h.Path, h.Status, h.Major, h.Minor, h.Body, h.Length, h.Close, h.Expect, h.TE, h.Upgrade, h.Trailer)
	b.WriteString(fieldText(h.Fields))
	return b.String() + "]"
}

func fieldText(fields []message.Field) string {
	var b strings.Builder
	for _, f := range fields {
		if f.ID != message.Removed {
			fmt.Fprintf(&b, "%s:%s|", f.Name, f.Value)
		}
	}
	return b.String()
}

// reader reads a message that arrives in pieces, as a driver would: what was
// taken is gone, and the buffer is overwritten.
type reader struct {
	parser  Parser
	body    Body
	head    message.Head
	method  []byte // of a response's request; nil: this is a request
	buf     []byte
	got     outcome
	maxTail int
}

func (r *reader) feed(piece string) {
	r.buf = append(r.buf, piece...)
	if r.got.head == "" && r.got.err == nil {
		r.readHead()
	}
	for r.got.head != "" && r.got.err == nil && !r.got.done {
		skip, data, done, err := r.body.Next(r.buf)
		r.fail(err)
		r.got.payload += string(r.buf[skip : skip+data])
		r.take(skip + data)
		if r.got.done = done; skip+data == 0 {
			break
		}
	}
	if r.got.done {
		r.got.trailers = fieldText(r.body.Trailers())
	}
}

func (r *reader) readHead() {
	var n int
	var err error
	if r.method == nil {
		n, err = r.parser.Request(r.buf, &r.head)
	} else {
		n, err = r.parser.Response(r.buf, r.method, &r.head)
	}
	r.fail(err)
	if n == 0 {
		return
	}
	r.take(n)
	r.got.head = describe(&r.head)
	r.body.Start(&r.head, r.maxTail)
}

func (r *reader) take(n int) {
	r.got.n += n
	rest := slices.Clone(r.buf[n:])
	for i := range r.buf {
		r.buf[i] = '?'
	}
	r.buf = rest
}

func (r *reader) fail(err error) {
	if err != nil && !errors.As(err, &r.got.err) {
		panic("not an *Error: " + err.Error())
	}
}

const testTrailer = 512

// readAll reads a message from pieces. Errors are compared by pointer, so what
// was taken before one does not matter.
func readAll(method []byte, pieces ...string) outcome {
	r := reader{method: method, maxTail: testTrailer}
	for _, p := range pieces {
		r.feed(p)
	}
	if r.got.err != nil {
		return outcome{err: r.got.err}
	}
	return r.got
}

// split checks that a message is read alike however it is cut: in two at every
// place, and byte by byte.
func split(t *testing.T, method []byte, text string) outcome {
	t.Helper()
	want := readAll(method, text)
	for i := 1; i < len(text); i++ {
		if got := readAll(method, text[:i], text[i:]); got != want {
			t.Fatalf("%q cut at %d: %v, whole: %v", text, i, got, want)
		}
	}
	if got := readAll(method, strings.Split(text, "")...); got != want {
		t.Fatalf("%q byte by byte: %v, whole: %v", text, got, want)
	}
	return want
}

func TestControl(t *testing.T) {
	for c := range 256 {
		for at := range 17 {
			for _, fill := range []byte{'a', '\t', ' ', 0x7e, 0x80, 0xff} {
				b := slices.Repeat([]byte{fill}, 17)
				b[at] = byte(c)
				want := len(b)
				if isControl(byte(c)) {
					want = at
				}
				if got := control(b, 0); got != want {
					t.Fatalf("%q: %d, want %d", b, got, want)
				}
			}
		}
	}
}
