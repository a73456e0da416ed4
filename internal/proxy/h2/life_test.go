package h2

import (
	"errors"
	"slices"
	"testing"

	"github.com/banyanrun/banyan/internal/proxy/message"
)

var getHead = &message.Head{Method: []byte("GET"), Scheme: []byte("http"), Authority: []byte("h"), Path: []byte("/")}

func (r *rig) open(end bool) *Stream {
	r.Helper()
	s, err := r.c.Open(getHead, end)
	if err != nil {
		r.Fatal(err)
	}
	return s
}

func TestFirstOutput(t *testing.T) {
	r := &rig{T: t}
	r.c = New(Config{Server: true}, &r.recorder)
	r.want("SETTINGS, WINDOW_UPDATE 0 983041", "")
	r.c = New(Config{ConnWindow: 1}, &r.recorder)
	if string(r.c.Out()[:len(Preface)]) != Preface {
		t.Error("no preface")
	}
	r.want("SETTINGS", "")
}

// TestRefused: streams count until they are released, however they ended.
func TestRefused(t *testing.T) {
	r := newRig(t, Config{Server: true, MaxStreams: 2})
	r.feed(r.post(1), r.post(3), r.post(5))
	r.want("RST_STREAM 5 REFUSED_STREAM", "request 1 POST false, request 3 POST false")
	r.feed(raw(typeReset, 0, 1, "\x00\x00\x00\x08"), r.post(7))
	r.want("RST_STREAM 7 REFUSED_STREAM", "reset 1 CANCEL")
	r.streams[1].Release()
	r.feed(r.post(9))
	r.want("", "request 9 POST false")
	r.streams[3].Reset(InternalError)
	r.streams[3].Reset(InternalError)
	r.feed(r.post(11))
	r.want("RST_STREAM 3 INTERNAL_ERROR, RST_STREAM 11 REFUSED_STREAM", "")
	r.streams[3].Release()
	r.streams[9].Release()
	r.want("RST_STREAM 9 CANCEL", "")
	if r.c.Streams() != 0 {
		t.Error(r.c.Streams())
	}
}

func TestOpenLimits(t *testing.T) {
	r := &rig{T: t}
	r.c = New(Config{}, &r.recorder)
	if got := r.c.Capacity(); got != defaultMaxStream {
		t.Errorf("capacity %d before settings", got)
	}
	r.feed(settings(setStreams, 1))
	a := r.open(false)
	if _, err := r.c.Open(getHead, true); !errors.Is(err, ErrNoStreams) || r.c.Capacity() != 0 {
		t.Error(err, r.c.Capacity())
	}
	r.feed(settings(setStreams, 3))
	if r.c.Capacity() != 2 {
		t.Error(r.c.Capacity())
	}
	r.feed(settings(setStreams, 1))
	a.Reset(Cancel)
	b := r.open(true)
	r.feed(r.headers(3, true, ":status", "200"))
	if r.c.Capacity() != 1 || r.c.Streams() != 0 || b.Dead() || !b.sentAll() || !b.gotAll() {
		t.Error(r.c.Capacity(), r.c.Streams())
	}
	r.c.nextID = maxStreamID
	r.open(true).Release()
	if _, err := r.c.Open(getHead, true); !errors.Is(err, ErrGoingAway) {
		t.Error(err)
	}
}

func TestGoAwayFromServer(t *testing.T) {
	r := client(t)
	r.open(true)
	r.open(true)
	r.open(true)
	r.sent()
	r.feed(appendGoAway(nil, maxStreamID, NoError, ""))
	r.want("", "goaway 2147483647 NO_ERROR")
	r.feed(appendGoAway(nil, 1, NoError, "text"))
	r.want("", "goaway 1 NO_ERROR, reset 5 REFUSED_STREAM unprocessed, reset 3 REFUSED_STREAM unprocessed")
	if _, err := r.c.Open(getHead, true); !errors.Is(err, ErrGoingAway) {
		t.Error(err)
	}
	r.feed(r.headers(1, true, ":status", "200"), r.headers(3, true, ":status", "200"))
	r.want("", "response 1 200 true")
}

func TestRefusedByServer(t *testing.T) {
	r := client(t)
	s := r.open(true)
	r.sent()
	r.feed(raw(typeReset, 0, 1, "\x00\x00\x00\x07"))
	r.want("", "reset 1 REFUSED_STREAM unprocessed")
	s.Release()
	if s = r.open(true); s.Unprocessed() || s.Dead() || s.ID() != 3 {
		t.Error("a stream that is used again remembers")
	}
}

func TestShutdown(t *testing.T) {
	r := server(t)
	r.feed(r.get(1))
	r.c.Shutdown()
	r.c.Shutdown()
	r.want("GOAWAY 2147483647 NO_ERROR, PING 0 9223372036854775808", "request 1 GET true")
	r.feed(r.get(3), appendPing(nil, flagAck, shutdownPing), r.get(5), data(5, false, "x"), appendPing(nil, flagAck, shutdownPing))
	r.want("GOAWAY 3 NO_ERROR", "request 3 GET true")
	for _, id := range []uint32{1, 3} {
		if r.c.Done() {
			t.Error("done with streams")
		}
		s := r.streams[id]
		s.WriteHead(okHead, true)
		if r.c.Done() {
			t.Error("done before all are released")
		}
		s.Release()
	}
	if !r.c.Done() {
		t.Error("not done")
	}

	x := client(t)
	s := x.open(true)
	x.sent()
	x.c.Shutdown()
	x.want("GOAWAY 0 NO_ERROR", "")
	if _, err := x.c.Open(getHead, true); !errors.Is(err, ErrGoingAway) || x.c.Done() {
		t.Error(err, x.c.Done())
	}
	x.feed(x.headers(1, true, ":status", "204"))
	s.Release()
	if !x.c.Done() {
		t.Error("not done")
	}
}

func TestPing(t *testing.T) {
	r := client(t)
	r.c.Ping(77)
	r.feed(appendPing(nil, 0, 5), appendPing(nil, flagAck, 77), appendPing(nil, flagAck, shutdownPing))
	r.want("PING 0 77, PING 1 5", "pong 77")
}

func TestUnknownFrames(t *testing.T) {
	r := server(t)
	r.feed(raw(0x20, 0xff, 7, "whatever"), settings(0x77, 5), r.get(1), raw(0x21, 0, 0, ""))
	r.want("SETTINGS ack", "settings, request 1 GET true")
}

// TestAbandoned: with the connection all streams end, and nothing is written any more.
func TestAbandoned(t *testing.T) {
	for name, end := range map[string]func(r *rig) string{
		"transport": func(r *rig) string { r.c.Close(InternalError); return "INTERNAL_ERROR" },
		"error":     func(r *rig) string { r.feed(raw(typePing, 0, 1, "12345678")); return "PROTOCOL_ERROR" },
	} {
		r := server(t)
		r.feed(r.post(1), r.post(3))
		r.recorder.got()
		code := end(r)
		r.wantGot("reset 1 " + code + ", reset 3 " + code)
		r.sent()
		s := r.streams[1]
		s.WriteHead(okHead, false)
		s.WriteTrailers(nil)
		s.Consumed(1 << 20)
		s.Reset(Cancel)
		r.c.Ping(1)
		r.c.Shutdown()
		s.Release()
		r.streams[3].Release()
		r.c.Abort(Cancel)
		r.c.Close(Cancel)
		r.want("", "")
		if !r.c.Done() || r.c.Err() == nil || r.c.Streams() != 0 {
			t.Error(name, r.c.Done(), r.c.Err(), r.c.Streams())
		}
	}
	x := client(t)
	x.open(false)
	x.sent()
	x.c.Abort(EnhanceYourCalm)
	x.want("GOAWAY 0 ENHANCE_YOUR_CALM", "reset 1 ENHANCE_YOUR_CALM")
	if _, err := x.c.Open(getHead, true); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
}

// leaver gives the connection up in the middle of a call.
type leaver struct {
	ignore
	c    *Conn
	seen []Code
}

func (l *leaver) Data(*Stream, []byte, bool) { l.c.Abort(InternalError) }
func (l *leaver) Reset(s *Stream, code Code) { l.seen = append(l.seen, code); s.Release() }

func TestAbortWithin(t *testing.T) {
	r := server(t)
	l := &leaver{c: r.c}
	r.c.h = l
	r.feed(slices.Concat(r.post(1), r.post(3), data(1, false, "x"), data(3, false, "x"), r.post(5)))
	if len(l.seen) != 2 || r.c.Streams() != 0 || !errors.Is(r.c.Feed(nil, 0), ErrClosed) {
		t.Error(l.seen, r.c.Streams(), r.c.Err())
	}
	r.want("GOAWAY 3 INTERNAL_ERROR", "")
}

func TestLend(t *testing.T) {
	r := server(t)
	buf := make([]byte, 0, 1000)
	r.c.Lend(buf)
	r.c.Ping(1)
	if r.c.Reclaim() != nil || &r.c.Out()[0] != &buf[:1][0] {
		t.Error("output is elsewhere")
	}
	r.c.Lend(nil)
	r.want("PING 0 1", "")
	if got := r.c.Reclaim(); cap(got) != 1000 || r.c.out != nil {
		t.Error("not given back")
	}
	r.c.Ping(2)
	r.want("PING 0 2", "")
}

// TestLateRelease: the owner of a stream may take as long as it likes.
func TestLateRelease(t *testing.T) {
	r := server(t)
	r.feed(r.post(1), data(1, true, "abc"))
	s := r.streams[1]
	s.WriteHead(okHead, true)
	r.want("HEADERS 1 end", "request 1 POST false, data 1 abc true")
	s.Consumed(1)
	s.Reset(Cancel)
	if r.c.Streams() != 1 || r.c.credit != 1 {
		t.Error(r.c.Streams(), r.c.credit)
	}
	s.Release()
	if r.c.Streams() != 0 || r.c.credit != 3 {
		t.Error(r.c.Streams(), r.c.credit)
	}
	r.want("", "")
}
