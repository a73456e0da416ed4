package h2

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/banyanrun/banyan/internal/proxy/message"
)

// witness writes down what it gets in a form that does not depend on how input
// was cut, and checks what a Conn promises.
type witness struct {
	t   *testing.T
	log strings.Builder
	at  uint32 // the stream whose data the log ends with
}

func (w *witness) say(format string, args ...any) {
	w.at = 0
	fmt.Fprintf(&w.log, "\n"+format, args...)
}

func (w *witness) NewHead() *message.Head { return new(message.Head) }

func (w *witness) Headers(s *Stream, h *message.Head, end bool) {
	if h.Status == 0 && (!isToken(h.Method) || !isAuthority(h.Authority) ||
		string(h.Method) != "CONNECT" && !isPath(h.Path, h.Method)) {
		w.t.Errorf("request %q %q %q", h.Method, h.Authority, h.Path)
	}
	for _, f := range h.Fields {
		if len(f.Name) == 0 || bytes.ContainsAny(f.Name, ": \r\n") || bytes.ContainsAny(f.Value, "\r\n\x00") {
			w.t.Errorf("field %q: %q", f.Name, f.Value)
		}
		if f.ID != message.Removed && unwritten[f.ID] && f.ID != message.HTTP2Settings {
			w.t.Errorf("field %s is left", f.ID)
		}
	}
	w.say("head %d %d %s %s %v %v %q", s.ID(), h.Status, h.Method, h.Path, end, h.Body, h.Fields)
	if h.Status == 0 {
		s.WriteHead(&message.Head{Status: 200}, s.ID()%4 == 1)
	}
}

func (w *witness) TooLarge(s *Stream, _ *message.Head, _ bool) {
	w.say("too large %d", s.ID())
	s.Release()
}

func (w *witness) Data(s *Stream, p []byte, end bool) {
	if w.at != s.ID() {
		w.say("data %d ", s.ID())
		w.at = s.ID()
	}
	fmt.Fprintf(&w.log, "%x", p)
	s.Consumed(len(p))
	if end {
		w.say("end %d", s.ID())
		s.Release()
	}
}

func (w *witness) Trailers(s *Stream, h *message.Head) { w.say("trailers %d %q", s.ID(), h.Fields) }

func (w *witness) Reset(s *Stream, code Code) {
	w.say("reset %d %v", s.ID(), code)
	s.Release()
}

func (w *witness) Writable(s *Stream)            { w.t.Errorf("stream %d never waited", s.ID()) }
func (w *witness) Settings()                     { w.say("settings") }
func (w *witness) GoAway(last uint32, code Code) { w.say("goaway %d %v", last, code) }
func (w *witness) Pong(data uint64)              { w.say("pong %d", data) }

// run feeds p in pieces whose lengths next tells.
func (w *witness) run(cfg Config, p []byte, next func() int) *Conn {
	c := New(cfg, w)
	for range 3 {
		if s, err := c.Open(&message.Head{Method: []byte("HEAD"), Authority: []byte("h"), Path: []byte("/")}, true); err == nil && s.ID() == 0 {
			w.t.Error("no identifier")
		}
	}
	for len(p) > 0 {
		n := min(len(p), next())
		err := c.Feed(bytes.Clone(p[:n]), 0)
		p = p[n:]
		if err != nil {
			w.say("%v", err)
			break
		}
		c.Flushed(len(c.Out()))
	}
	return c
}

// checkSplits wants the same from p however it is cut.
func checkSplits(t *testing.T, cfg Config, p []byte) {
	t.Helper()
	whole, single, mixed := &witness{t: t}, &witness{t: t}, &witness{t: t}
	c := whole.run(cfg, p, func() int { return len(p) })
	single.run(cfg, p, func() int { return 1 })
	r := rand.New(rand.NewPCG(uint64(len(p)), 1))
	mixed.run(cfg, p, func() int { return 1 + r.IntN(30) })
	if a, b := whole.log.String(), single.log.String(); a != b {
		t.Errorf("at once:%s\nbyte by byte:%s", a, b)
	}
	if a, b := whole.log.String(), mixed.log.String(); a != b {
		t.Errorf("at once:%s\nin pieces:%s", a, b)
	}
	c.Close(Cancel)
	if c.streams.first != nil || c.opened != 0 {
		t.Error("streams left")
	}
}

// seeds are conversations that reach much.
func seeds(server bool) (list [][]byte) {
	var w wire
	add := func(frames ...[]byte) {
		p := []byte(nil)
		if server {
			p = append(p, Preface...)
		}
		p = append(append(p, settings(setWindow, 100, setTableSize, 0)...), raw(typeSettings, flagAck, 0, "")...)
		list = append(list, append(p, bytes.Join(frames, nil)...))
		w = wire{}
	}
	add(w.get(1, "cookie", "a", "cookie", "b"), w.post(3, "content-length", "5"), data(3, false, "abc"), data(3, true, "de"))
	add(w.post(1), raw(typeData, flagPadded, 1, "\x03abc\x00\x00\x00"), w.headers(1, true, "x-sum", "1"), window(0, 5), window(1, 7))
	add(raw(typeHeaders, flagEndStream, 1, ""), raw(typeContinuation, flagEndHeaders, 1, string(w.fields(getRequest...))), raw(99, 1, 2, "abc"))
	add(w.post(1), raw(typeReset, 0, 1, "\x00\x00\x00\x08"), data(1, true, "x"), appendPing(nil, 0, 7), appendGoAway(nil, 0, Cancel, "bye"))
	add(w.headers(1, false, ":status", "103", "link", "x"), w.headers(1, false, ":status", "200"), w.headers(3, true, ":status", "204"), appendGoAway(nil, 3, NoError, ""))
	return list
}

func FuzzFeedServer(f *testing.F) {
	for _, p := range seeds(true) {
		f.Add(p)
	}
	f.Fuzz(func(t *testing.T, p []byte) {
		checkSplits(t, Config{Server: true, StreamWindow: 1000, MaxHeaderBytes: 2000, MaxStreams: 5}, p)
	})
}

func FuzzFeedClient(f *testing.F) {
	for _, p := range seeds(false) {
		f.Add(p)
	}
	f.Fuzz(func(t *testing.T, p []byte) {
		checkSplits(t, Config{StreamWindow: 1000, MaxHeaderBytes: 2000}, p)
	})
}
