package h2

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"

	"github.com/banyanrun/banyan/internal/proxy/message"
)

// caller is a client that sends requests with random bodies and checks that they come back.
type caller struct {
	ignore
	t        *testing.T
	c        *Conn
	inFlight map[*Stream]*call
	late     []*call // with data that is not consumed yet
	done     int
}

// call is one request.
type call struct {
	s        *Stream
	body     []byte
	sent     int
	got      []byte
	owed     int
	trailers bool
	ended    bool // trailers, or the end, were written
	answered bool
	spoilt   bool // by a reset of either side
}

func (x *caller) open(size int, trailers bool) bool {
	k := &call{body: bytes.Repeat([]byte{byte('a' + size%26), 'b', byte(size)}, size/3+1)[:size], trailers: trailers}
	h := &message.Head{Method: []byte("POST"), Scheme: []byte("http"), Authority: []byte("h"), Path: fmt.Appendf(nil, "/%d", size)}
	if !trailers && size%2 == 0 {
		h.Body, h.Length = message.Sized, int64(size)
	}
	end := size == 0 && !trailers
	s, err := x.c.Open(h, end)
	if err != nil {
		if x.c.Capacity() != 0 {
			x.t.Fatalf("%v with capacity for %d", err, x.c.Capacity())
		}
		return false
	}
	if k.s, k.ended = s, end; end {
		k.body = []byte(greeting)
		k.sent = len(greeting)
	}
	s.Owner = k
	x.inFlight[s] = k
	x.Writable(s)
	return true
}

func (x *caller) Writable(s *Stream) {
	k := s.Owner.(*call)
	if k.ended {
		return
	}
	k.sent += s.WriteData(k.body[k.sent:], !k.trailers)
	if k.sent < len(k.body) {
		return
	}
	k.ended = true
	if k.trailers {
		s.WriteTrailers([]message.Field{{Name: []byte("X-Sum"), Value: fmt.Append(nil, len(k.body))}})
	}
}

func (x *caller) Headers(s *Stream, h *message.Head, end bool) {
	k := s.Owner.(*call)
	if h.Status != 200 || end || k.answered {
		x.t.Fatalf("status %d, end %v, answered %v", h.Status, end, k.answered)
	}
	k.answered = true
}

func (x *caller) Data(s *Stream, p []byte, end bool) {
	k := s.Owner.(*call)
	k.got = append(k.got, p...)
	if k.owed == 0 {
		x.late = append(x.late, k)
	}
	k.owed += len(p)
	if end {
		x.finish(k)
	}
}

func (x *caller) Trailers(s *Stream, h *message.Head) {
	k := s.Owner.(*call)
	if v, _ := h.Lookup("x-sum"); !k.trailers || string(v) != strconv.Itoa(len(k.body)) {
		x.t.Fatalf("trailers %v", h.Fields)
	}
	x.finish(k)
}

func (x *caller) Reset(s *Stream, code Code) {
	k := s.Owner.(*call)
	switch {
	case k.spoilt:
	case code == RefusedStream && s.Unprocessed(), code == Cancel:
		k.spoilt = true
	default:
		x.t.Fatalf("reset with %v", code)
	}
	x.finish(k)
}

// finish ends a call, whose data may still be consumed late.
func (x *caller) finish(k *call) {
	if !k.spoilt && !bytes.Equal(k.got, k.body) {
		x.t.Fatalf("%d bytes came back of %d", len(k.got), len(k.body))
	}
	delete(x.inFlight, k.s)
	x.late = slices.DeleteFunc(x.late, func(o *call) bool { return o == k })
	k.s.Release()
	x.done++
}

// consume uses data that lies about.
func (x *caller) consume(i, n int) {
	k := x.late[i]
	n = min(n, k.owed)
	k.s.Consumed(n)
	if k.owed -= n; k.owed == 0 {
		x.late = slices.Delete(x.late, i, i+1)
	}
}

// fickle is an echo that resets some streams.
type fickle struct {
	echo
	every int // bytes of a body of which one more is not tolerated
}

func (f fickle) Data(s *Stream, p []byte, end bool) {
	if f.every > 0 && len(p)%f.every == f.every-1 {
		s.Reset(Cancel)
		s.Release()
		return
	}
	f.echo.Data(s, p, end)
}

// TestPair lets a client and a server talk with random windows, limits and
// splits of what goes between them: bytes arrive intact, nobody calls the other
// wrong, everything ends, and no credit is lost.
func TestPair(t *testing.T) {
	seeds := uint64(150)
	if testing.Short() {
		seeds = 20
	}
	for seed := range seeds {
		pair(t, seed)
	}
}

func pair(t *testing.T, seed uint64) {
	t.Helper()
	t.Logf("seed %d", seed) // shown with a failure
	r := rand.New(rand.NewPCG(seed, 0))
	upTo := func(n int) int { return 1 + int(math.Pow(float64(n), r.Float64())) } // of every order of magnitude
	config := func(server bool) Config {
		return Config{
			Server: server, MaxStreams: upTo(20), StreamWindow: int32(upTo(1 << 17)),
			ConnWindow: defaultWindow + int32(r.IntN(2)*upTo(1<<17)), HighWater: upTo(1 << 17),
		}
	}
	x := &caller{t: t, inFlight: map[*Stream]*call{}}
	x.c = New(config(false), x)
	server := New(config(true), fickle{every: []int{0, 0, 7, 100}[r.IntN(4)]})
	requests, size, piece := upTo(40), upTo(200_000), upTo(20_000)
	// What takes too many steps is no use.
	size = min(size, 300*int(min(x.c.cfg.StreamWindow, server.cfg.StreamWindow)), 1000*piece)
	opened, cancels := 0, r.IntN(5) // few: what is stuck must not be freed by them
	for steps := 0; x.done < requests || len(x.c.Out())+len(server.Out()) > 0; steps++ {
		if steps > 3_000_000 {
			t.Fatalf("stuck: %d of %d done, %d in flight", x.done, requests, len(x.inFlight))
		}
		switch r.IntN(8) {
		case 0:
			if opened < requests && x.open(r.IntN(size+1), r.IntN(3) == 0) {
				opened++
			}
		case 1:
			if len(x.late) > 0 {
				x.consume(r.IntN(len(x.late)), upTo(40_000))
			}
		case 2:
			if cancels > 0 && r.IntN(200) == 0 {
				cancels--
				x.cancel()
			}
		case 3, 4, 5:
			carry(t, x.c, server, upTo(piece))
		default:
			carry(t, server, x.c, upTo(piece))
		}
	}
	settle(t, x.c, server)
}

// cancel resets the oldest call that is in flight.
func (x *caller) cancel() {
	var oldest *call
	for s, k := range x.inFlight {
		if oldest == nil || s.ID() < oldest.s.ID() {
			oldest = k
		}
	}
	if oldest != nil {
		oldest.spoilt = true
		oldest.s.Reset(Cancel)
		x.finish(oldest)
	}
}

// carry brings up to n bytes from one side to the other.
func carry(t *testing.T, from, to *Conn, n int) {
	t.Helper()
	p := slices.Clone(from.Out())
	p = p[:min(n, len(p))]
	from.Flushed(len(p))
	if err := to.Feed(p, 0); err != nil {
		t.Fatalf("server %v: %v", to.cfg.Server, err)
	}
}

// settle checks what both sides know when all has ended.
func settle(t *testing.T, client, server *Conn) {
	t.Helper()
	if client.Streams() != 0 || server.Streams() != 0 || client.streams.count != 0 || server.streams.count != 0 {
		t.Fatalf("streams left: %d, %d", client.Streams(), server.Streams())
	}
	for _, c := range []*Conn{client, server} {
		other := client
		if c == client {
			other = server
		}
		if got, want := c.recvWin+c.credit, int64(c.cfg.ConnWindow); got != want {
			t.Fatalf("server %v: window %d and credit %d are not %d", c.cfg.Server, c.recvWin, c.credit, want)
		}
		if c.recvWin != other.sendWin {
			t.Fatalf("server %v: window %d, the other has %d", c.cfg.Server, c.recvWin, other.sendWin)
		}
	}
}
