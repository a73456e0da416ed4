package h2

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	xhpack "golang.org/x/net/http2/hpack"

	"github.com/banyanrun/banyan/internal/proxy/message"
)

// wire writes frames as a peer might, right ones and wrong ones.
type wire struct {
	block strings.Builder
	enc   *xhpack.Encoder
}

func (w *wire) fields(pairs ...string) []byte {
	if w.enc == nil {
		w.enc = xhpack.NewEncoder(&w.block)
	}
	w.block.Reset()
	for i := 0; i < len(pairs); i += 2 {
		_ = w.enc.WriteField(xhpack.HeaderField{Name: pairs[i], Value: pairs[i+1]})
	}
	return []byte(w.block.String())
}

func raw(kind, flags uint8, stream uint32, p string) []byte {
	return append(appendFrame(nil, len(p), kind, flags, stream), p...)
}

// headers is HEADERS with END_HEADERS.
func (w *wire) headers(stream uint32, end bool, pairs ...string) []byte {
	flags := uint8(flagEndHeaders)
	if end {
		flags |= flagEndStream
	}
	return raw(typeHeaders, flags, stream, string(w.fields(pairs...)))
}

var getRequest = []string{":method", "GET", ":scheme", "http", ":authority", "h", ":path", "/"}
var postRequest = []string{":method", "POST", ":scheme", "http", ":authority", "h", ":path", "/"}

func (w *wire) get(stream uint32, more ...string) []byte {
	return w.headers(stream, true, append(slices.Clone(getRequest), more...)...)
}

func (w *wire) post(stream uint32, more ...string) []byte {
	return w.headers(stream, false, append(slices.Clone(postRequest), more...)...)
}

func data(stream uint32, end bool, p string) []byte {
	flags := uint8(0)
	if end {
		flags = flagEndStream
	}
	return raw(typeData, flags, stream, p)
}

func settings(pairs ...uint32) []byte {
	var p []byte
	for i := 0; i < len(pairs); i += 2 {
		p = appendSetting(p, uint16(pairs[i]), pairs[i+1])
	}
	return raw(typeSettings, 0, 0, string(p))
}

func window(stream, n uint32) []byte { return appendWindow(nil, stream, int64(n)) }

// recorder writes down what a Handler gets. It consumes nothing unless told.
type recorder struct {
	ignore
	log     []string
	consume bool
	release bool
	answer  bool
	streams map[uint32]*Stream
	heads   map[uint32]*message.Head
}

func (r *recorder) say(format string, args ...any) {
	r.log = append(r.log, fmt.Sprintf(format, args...))
}

func (r *recorder) keep(s *Stream, h *message.Head) {
	if r.streams == nil {
		r.streams, r.heads = map[uint32]*Stream{}, map[uint32]*message.Head{}
	}
	r.streams[s.ID()], r.heads[s.ID()] = s, h
}

func (r *recorder) Headers(s *Stream, h *message.Head, end bool) {
	r.keep(s, h)
	if h.Status != 0 {
		r.say("response %d %d %v", s.ID(), h.Status, end)
		return
	}
	r.say("request %d %s %v", s.ID(), h.Method, end)
	if r.answer {
		s.WriteHead(&message.Head{Status: 200}, true)
		if s.gotAll() {
			s.Release()
		}
	}
}

func (r *recorder) TooLarge(s *Stream, h *message.Head, end bool) {
	r.keep(s, h)
	r.say("too large %d %s %v", s.ID(), h.Method, end)
}

func (r *recorder) Data(s *Stream, p []byte, end bool) {
	r.say("data %d %s %v", s.ID(), p, end)
	if r.consume {
		s.Consumed(len(p))
	}
}

func (r *recorder) Trailers(s *Stream, h *message.Head) {
	r.keep(s, h)
	r.say("trailers %d", s.ID())
}

func (r *recorder) Reset(s *Stream, code Code) {
	note := ""
	if s.Unprocessed() {
		note = " unprocessed"
	}
	r.say("reset %d %v%s", s.ID(), code, note)
	if r.release {
		s.Release()
	}
}
func (r *recorder) Writable(s *Stream)          { r.say("writable %d", s.ID()) }
func (r *recorder) Settings()                   { r.say("settings") }
func (r *recorder) GoAway(last uint32, co Code) { r.say("goaway %d %v", last, co) }
func (r *recorder) Pong(data uint64)            { r.say("pong %d", data) }

// got returns what was recorded and forgets it.
func (r *recorder) got() string {
	s := strings.Join(r.log, ", ")
	r.log = nil
	return s
}

// rig is a connection under test.
type rig struct {
	*testing.T
	wire
	recorder

	c *Conn
}

// newRig makes a connection whose settings and whose peer's settings have been exchanged.
func newRig(t *testing.T, cfg Config) *rig {
	t.Helper()
	r := &rig{T: t}
	r.c = New(cfg, &r.recorder)
	if cfg.Server {
		r.feed([]byte(Preface))
	}
	r.feed(settings(), raw(typeSettings, flagAck, 0, ""))
	r.got()
	r.sent()
	return r
}

func server(t *testing.T) *rig { t.Helper(); return newRig(t, Config{Server: true}) }

func client(t *testing.T) *rig { t.Helper(); return newRig(t, Config{}) }

// feed feeds frames; an error is seen in sent.
func (r *rig) feed(frames ...[]byte) {
	for _, p := range frames {
		_ = r.c.Feed(p, 0)
	}
}

// sent returns the frames that are pending, as text, and forgets them.
func (r *rig) sent() string {
	var list []string
	p := slices.Clone(r.c.Out())
	r.c.Flushed(len(p))
	p = []byte(strings.TrimPrefix(string(p), Preface))
	for len(p) > 0 {
		f := parseFrame(p)
		body := p[frameHeader : frameHeader+f.length]
		p = p[frameHeader+f.length:]
		list = append(list, describe(f, body))
	}
	return strings.Join(list, ", ")
}

func describe(f frame, p []byte) string {
	end := ""
	if f.has(flagEndStream) {
		end = " end"
	}
	switch f.kind {
	case typeData:
		return fmt.Sprintf("DATA %d %d%s", f.stream, len(p), end)
	case typeHeaders:
		return fmt.Sprintf("HEADERS %d%s", f.stream, end)
	case typeContinuation:
		return fmt.Sprintf("CONTINUATION %d", f.stream)
	case typeReset:
		return fmt.Sprintf("RST_STREAM %d %v", f.stream, Code(binary.BigEndian.Uint32(p)))
	case typeSettings:
		if f.has(flagAck) {
			return "SETTINGS ack"
		}
		return "SETTINGS"
	case typePing:
		return fmt.Sprintf("PING %x %d", f.flags, binary.BigEndian.Uint64(p))
	case typeGoAway:
		return fmt.Sprintf("GOAWAY %d %v", binary.BigEndian.Uint32(p), Code(binary.BigEndian.Uint32(p[4:])))
	case typeWindow:
		return fmt.Sprintf("WINDOW_UPDATE %d %d", f.stream, binary.BigEndian.Uint32(p))
	}
	return fmt.Sprintf("frame %d", f.kind)
}

// want compares what the peer and what the Handler got since the last time.
func (r *rig) want(sent, got string) {
	r.Helper()
	if s := r.sent(); s != sent {
		r.Errorf("sent %q, want %q", s, sent)
	}
	r.wantGot(got)
}

// wantGot compares what the Handler got since the last time.
func (r *rig) wantGot(want string) {
	r.Helper()
	if got := r.recorder.got(); got != want {
		r.Errorf("the handler got %q, want %q", got, want)
	}
}

// fails wants the connection to have been given up.
func (r *rig) fails(code Code, kind Kind) {
	r.Helper()
	e, ok := errors.AsType[*Error](r.c.Err())
	if !ok || e.Code != code || e.Kind != kind {
		r.Fatalf("error %v, want %v of kind %v", r.c.Err(), code, kind)
	}
	if s := r.sent(); !strings.Contains(s, "GOAWAY") || !strings.HasSuffix(s, code.String()) {
		r.Errorf("sent %q, which does not end with GOAWAY", s)
	}
	if err := r.c.Feed([]byte("more"), 0); err != r.c.Err() { //nolint:errorlint // the same one
		r.Errorf("Feed says %v after that", err)
	}
}
