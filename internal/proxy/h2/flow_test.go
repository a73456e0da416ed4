package h2

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/banyanrun/banyan/internal/proxy/message"
)

var okHead = &message.Head{Status: 200}

// TestCredit: windows are refilled by what was consumed, half a window at a time.
func TestCredit(t *testing.T) {
	r := newRig(t, Config{Server: true, StreamWindow: 100, ConnWindow: 1})
	r.feed(r.post(1), data(1, false, strings.Repeat("x", 100)))
	r.got()
	s := r.streams[1]
	s.Consumed(49)
	r.want("", "")
	s.Consumed(1)
	r.want("WINDOW_UPDATE 1 50", "")
	s.Consumed(1000) // no more than was passed on
	r.want("WINDOW_UPDATE 1 50", "")
	if s.recvWin != 100 || r.c.credit != 100 {
		t.Errorf("window %d, credit %d", s.recvWin, r.c.credit)
	}
	r.feed(data(1, false, strings.Repeat("x", 101)))
	if got := r.sent(); got != "RST_STREAM 1 FLOW_CONTROL_ERROR" {
		t.Error(got)
	}
}

// TestConnCredit: padding, data that nobody gets and data that its owner does not want are credited to the connection.
func TestConnCredit(t *testing.T) {
	r := newRig(t, Config{Server: true, ConnWindow: 1})
	credit := func(what string, want int64) {
		t.Helper()
		if r.c.credit != want || r.c.recvWin+r.c.credit+owed(r.c) != defaultWindow {
			t.Errorf("%s: credit %d, want %d; window %d", what, r.c.credit, want, r.c.recvWin)
		}
	}
	r.feed(r.post(1, "content-length", "5"), raw(typeData, flagPadded, 1, "\x03abc\x00\x00\x00"))
	credit("padding", 4)
	if s := r.streams[1]; s.credit != 4 {
		t.Errorf("the stream's credit is %d", s.credit)
	}
	r.feed(data(1, false, "too long"))
	credit("what a stream error refuses", 12)
	r.feed(data(1, false, "late"))
	credit("late", 16)
	r.streams[1].Release()
	credit("unused", 19)
	r.feed(r.post(3), raw(typeData, flagPadded, 3, "\x02\x00\x00"), raw(typeData, flagPadded|flagEndStream, 3, "\x00"))
	credit("padding alone", 23)
	r.feed(data(3, true, "x"))
	credit("after the end", 24)
	if got := r.recorder.got(); !strings.HasSuffix(got, "data 3  true, reset 3 STREAM_CLOSED") {
		t.Errorf("%q", got)
	}
	for i := range 4 {
		r.feed(r.post(uint32(5+2*i)), data(uint32(5+2*i), false, strings.Repeat("x", 10_000)))
		r.streams[uint32(5+2*i)].Release()
	}
	if got := r.sent(); !strings.Contains(got, "WINDOW_UPDATE 0 40024") {
		t.Error(got)
	}
}

// owed is what streams have that are open or were not released.
func owed(c *Conn) (n int64) {
	for _, s := range c.h.(*recorder).streams {
		if s.c != nil {
			n += s.owed
		}
	}
	return n
}

// TestSmallWindowBeforeAck: until the peer knows our smaller window it may go by the default.
func TestSmallWindowBeforeAck(t *testing.T) {
	r := &rig{T: t}
	r.c = New(Config{Server: true, StreamWindow: 10}, &r.recorder)
	r.feed([]byte(Preface), settings(), r.post(1), data(1, false, strings.Repeat("x", 16000)))
	r.feed(raw(typeSettings, flagAck, 0, ""))
	r.got()
	s := r.streams[1]
	if s.recvWin != 10-16000 {
		t.Errorf("window %d", s.recvWin)
	}
	r.sent()
	s.Consumed(16000)
	r.want("WINDOW_UPDATE 1 16000", "")
	r.feed(data(1, false, "0123456789"))
	r.want("", "data 1 0123456789 false")
	r.feed(data(1, false, "x"))
	r.want("RST_STREAM 1 FLOW_CONTROL_ERROR", "reset 1 FLOW_CONTROL_ERROR")
}

// TestSendWindow: an initial window that shrinks makes windows negative, and one that grows wakes.
func TestSendWindow(t *testing.T) {
	r := newRig(t, Config{Server: true})
	r.feed(settings(setWindow, 10), r.get(1))
	s := r.streams[1]
	s.WriteHead(okHead, false)
	body := []byte("0123456789abcdef")
	if n := s.WriteData(body, true); n != 10 {
		t.Fatal(n)
	}
	r.want("SETTINGS ack, HEADERS 1, DATA 1 10", "settings, request 1 GET true")
	r.feed(settings(setWindow, 5))
	r.feed(window(1, 5|highBit)) // 0 now; the highest bit means nothing
	r.want("SETTINGS ack", "settings")
	r.feed(settings(setWindow, 6))
	r.want("SETTINGS ack", "settings, writable 1")
	if n := s.WriteData(body[10:], true); n != 1 {
		t.Fatal(n)
	}
	r.feed(window(1, 3))
	r.want("DATA 1 1", "writable 1")
	if n := s.WriteData(body[11:], true); n != 3 {
		t.Fatal(n)
	}
	r.feed(window(1, 2))
	if n := s.WriteData(body[14:], true); n != 2 || !s.sentAll() || s.Dead() {
		t.Fatal(n)
	}
	r.want("DATA 1 3, DATA 1 2 end", "writable 1")
	if n := s.WriteData(body, true); n != 0 {
		t.Error("a stream that has ended takes more")
	}
	r.want("", "")
	s.Release()
}

// TestConnSendWindow: streams that wait for the connection's window get it in turn, a frame each.
func TestConnSendWindow(t *testing.T) {
	r := newRig(t, Config{Server: true})
	fair := &fair{left: map[*Stream]int{}}
	r.c.h = fair
	r.feed(settings(setWindow, 1<<20))
	for id := uint32(1); id <= 7; id += 2 {
		r.feed(r.get(id))
	}
	if r.c.sendWin != 0 {
		t.Fatalf("window %d left", r.c.sendWin)
	}
	fair.order = nil
	r.feed(window(0, 8*minFrame+100))
	if got := fmt.Sprint(fair.order); got != "[1 3 5 7 1 3 5 7 1]" {
		t.Errorf("order %v", got)
	}
	fair.order = nil
	r.feed(window(0, 4*minFrame))
	if got := fmt.Sprint(fair.order); got != "[3 5 7 1]" {
		t.Errorf("order %v", got)
	}
}

// fair is a server that answers with endless bodies.
type fair struct {
	ignore
	left  map[*Stream]int
	order []uint32
}

func (f *fair) Headers(s *Stream, _ *message.Head, _ bool) {
	s.WriteHead(okHead, false)
	f.Writable(s)
}

func (f *fair) Writable(s *Stream) {
	if s.WriteData(make([]byte, 1<<20), false) > 0 {
		f.order = append(f.order, s.ID())
	}
}

// TestHighWater: a peer that does not read stops writers, and only them.
func TestHighWater(t *testing.T) {
	r := newRig(t, Config{Server: true, HighWater: 20_000})
	r.feed(settings(setWindow, 1<<20), window(0, 1<<20), r.get(1), r.get(3))
	a, b := r.streams[1], r.streams[3]
	a.WriteHead(okHead, false)
	b.WriteHead(okHead, false)
	n := a.WriteData(make([]byte, 100_000), false)
	if m := b.WriteData([]byte("x"), false); n < 20_000 || n > 20_000+minFrame || m != 0 {
		t.Errorf("%d and %d taken", n, m)
	}
	if n := b.WriteData(nil, true); n != 0 || !b.sentAll() {
		t.Error("an end needs no window")
	}
	r.got()
	r.c.Flushed(len(r.c.Out()) - 20_000)
	r.wantGot("")
	r.c.Flushed(1)
	r.wantGot("writable 1")
}

// TestContinuation: blocks of several frames in both directions, split anywhere.
func TestContinuation(t *testing.T) {
	r := newRig(t, Config{Server: true, MaxHeaderBytes: 1 << 20})
	long := strings.Repeat("long value, ", 5000) + "end"
	block := string(r.fields(append([]string{}, append(getRequest, "x-long", long)...)...))
	r.feed(raw(typeHeaders, flagEndStream, 1, ""), raw(typeContinuation, 0, 1, block[:16000]),
		raw(typeContinuation, 0, 1, ""), raw(typeContinuation, 0, 1, block[16000:30000]),
		raw(typeContinuation, flagEndHeaders, 1, block[30000:]))
	r.want("", "request 1 GET true")
	if v, _ := r.heads[1].Lookup("x-long"); string(v) != long {
		t.Errorf("%d bytes", len(v))
	}

	x := client(t)
	if _, err := x.c.Open(&message.Head{Method: []byte("GET"), Authority: []byte("h"), Path: []byte("/"),
		Fields: []message.Field{{Name: []byte("X-Long"), Value: []byte(long)}}}, true); err != nil {
		t.Fatal(err)
	}
	out := bytes.Clone(x.c.Out())
	if got := x.sent(); got != "HEADERS 1 end, CONTINUATION 1, CONTINUATION 1, CONTINUATION 1" {
		t.Fatal(got)
	}
	y := newRig(t, Config{Server: true, MaxHeaderBytes: 1 << 20})
	y.feed(out)
	if v, _ := y.heads[1].Lookup("x-long"); string(v) != long {
		t.Errorf("%d bytes", len(v))
	}
}

func TestTooLarge(t *testing.T) {
	r := newRig(t, Config{Server: true, MaxHeaderBytes: 300})
	r.feed(r.get(1, "a", strings.Repeat("x", 200)))
	r.want("", "too large 1 GET true")
	r.streams[1].WriteHead(&message.Head{Status: 431}, true)
	r.want("HEADERS 1 end", "")
	r.feed(r.post(3, "a", strings.Repeat("x", 300)))
	r.streams[3].WriteHead(&message.Head{Status: 431}, true)
	r.streams[3].Release()
	r.want("HEADERS 3 end, RST_STREAM 3 NO_ERROR", "too large 3 POST false")
	r.feed(data(3, false, "under way"), r.get(5))
	r.want("", "request 5 GET true")
	r.feed(r.post(7), r.headers(7, true, "a", strings.Repeat("x", 300)))
	r.want("RST_STREAM 7 ENHANCE_YOUR_CALM", "request 7 POST false, reset 7 ENHANCE_YOUR_CALM")

	x := newRig(t, Config{MaxHeaderBytes: 300})
	if _, err := x.c.Open(&message.Head{Method: []byte("GET"), Authority: []byte("h"), Path: []byte("/")}, true); err != nil {
		t.Fatal(err)
	}
	x.sent()
	x.feed(x.headers(1, true, ":status", "200", "a", strings.Repeat("x", 300)))
	x.want("RST_STREAM 1 ENHANCE_YOUR_CALM", "reset 1 ENHANCE_YOUR_CALM")
}

// TestBomb: a list that is small on the wire and large when decoded is not built.
func TestBomb(t *testing.T) {
	r := newRig(t, Config{Server: true, MaxHeaderBytes: 8100})
	block := string(r.fields(append(append([]string{}, getRequest...), "x-bomb", strings.Repeat("x", 3900))...))
	r.feed(raw(typeHeaders, flagEndHeaders|flagEndStream, 1, block+strings.Repeat("\xbe", 12_000)))
	r.want("", "too large 1 GET true")
	if n := len(r.heads[1].Fields); n != 2 {
		t.Errorf("%d fields", n)
	}
}

func TestWriters(t *testing.T) {
	h := &message.Head{
		Method: []byte("POST"), Authority: []byte("h"), Path: []byte("/p"), Body: message.Sized, Length: 42,
		TE: true, Expect: true, Trailer: []byte("x-sum"), Upgrade: []byte("websocket"), Close: true,
		Fields: []message.Field{
			{Name: []byte("X-Upper-Case"), Value: []byte("V")}, {Name: []byte("gone"), ID: message.Removed},
		},
	}
	h.Add(message.Connection, []byte("close"))
	h.Add(message.UserAgent, []byte("test"))
	h.Add(message.Host, []byte("other"))
	h.Add(message.ContentLength, []byte("7"))
	r := server(t)
	x := client(t)
	if _, err := x.c.Open(h, false); err != nil {
		t.Fatal(err)
	}
	r.feed(x.c.Out())
	got := r.heads[1]
	want := "map[User-Agent:[test] X-Upper-Case:[V]]"
	if fmt.Sprint(got.Header()) != want || got.Length != 42 || !got.TE || !got.Expect || string(got.Trailer) != "x-sum" ||
		string(got.Scheme) != "http" || string(got.Authority) != "h" {
		t.Errorf("%v, %+v", got.Header(), got)
	}
	for _, f := range got.Fields {
		if strings.ToLower(string(f.Name)) != string(f.Name) {
			t.Errorf("name %s", f.Name)
		}
	}

	s := r.streams[1]
	if s.WriteData([]byte("x"), false) != 0 {
		t.Error("content before the head")
	}
	s.WriteHead(&message.Head{Status: 100}, true) // an interim response ends nothing
	s.WriteHead(&message.Head{Status: 200, Body: message.Sized, Length: 0}, false)
	s.WriteHead(okHead, false) // one is enough
	s.WriteTrailers([]message.Field{{ID: message.Removed}})
	s.WriteTrailers(nil)
	x.sent()
	x.feed(r.c.Out())
	if got := r.sent(); got != "HEADERS 1, HEADERS 1, DATA 1 0 end" {
		t.Error(got)
	}
	x.want("", "response 1 100 false, response 1 200 false, data 1  true")
	if h := x.heads[1]; h.Body != message.Sized {
		t.Errorf("%+v", h)
	}
}
