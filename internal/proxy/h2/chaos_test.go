package h2

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/banyanrun/banyan/internal/proxy/message"
)

// moody is an owner that does anything it may with its streams, at any time.
type moody struct {
	ignore
	r    *rand.Rand
	c    *Conn
	held []*Stream
}

func (m *moody) Headers(s *Stream, h *message.Head, _ bool) {
	if h.Status == 0 {
		m.held = append(m.held, s)
	}
	m.act()
}
func (m *moody) TooLarge(s *Stream, _ *message.Head, _ bool) { m.held = append(m.held, s) }
func (m *moody) Data(*Stream, []byte, bool)                  { m.act() }
func (m *moody) Trailers(*Stream, *message.Head)             { m.act() }
func (m *moody) Reset(*Stream, Code)                         { m.act() }
func (m *moody) Writable(*Stream)                            { m.act() }

// act does something with a stream of the owner's.
func (m *moody) act() {
	if m.r.IntN(20) == 0 {
		if s, err := m.c.Open(getHead, m.r.IntN(2) == 0); err == nil {
			m.held = append(m.held, s)
		}
	}
	if len(m.held) == 0 {
		return
	}
	i := m.r.IntN(len(m.held))
	s := m.held[i]
	switch m.r.IntN(9) {
	case 0:
		s.WriteHead(&message.Head{Status: []int{100, 200, 204}[m.r.IntN(3)]}, m.r.IntN(2) == 0)
	case 1, 2:
		s.WriteData(make([]byte, m.r.IntN(40_000)), m.r.IntN(2) == 0)
	case 3:
		s.WriteTrailers(grpcTrailers)
	case 4:
		if m.r.IntN(4) == 0 {
			s.Reset(Cancel)
		}
	case 5:
		s.Release()
		m.held = slices.Delete(m.held, i, i+1)
	default:
		s.Consumed(m.r.IntN(10_000))
	}
}

// TestChaos feeds random frames, mostly right ones, to a connection whose owner
// is moody, and checks the books after each.
func TestChaos(t *testing.T) {
	for seed := range uint64(400) {
		chaos(t, seed)
	}
}

func chaos(t *testing.T, seed uint64) {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 7))
	m := &moody{r: r}
	server := seed%2 == 0
	many := Bound{Burst: 1 << 20}
	m.c = New(Config{
		Server: server, StreamWindow: int32(1 + r.IntN(50_000)), MaxStreams: 1 + r.IntN(20), HighWater: 1 + r.IntN(100_000),
		Limits: Limits{Resets: many, Provoked: many, Settings: many, Pings: many, Empty: many, Windows: many, Priorities: many, Replies: 1 << 20},
	}, m)
	var w wire
	p := bytes.Join([][]byte{settings(), raw(typeSettings, flagAck, 0, "")}, nil)
	if server {
		p = append([]byte(Preface), p...)
	}
	for range 500 {
		if err := m.c.Feed(p, 0); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		checkBooks(t, seed, m)
		if r.IntN(3) > 0 {
			m.c.Flushed(r.IntN(len(m.c.Out()) + 1))
		}
		m.act()
		p = m.frame(&w, server)
	}
	m.c.Close(Cancel)
	for _, s := range m.held {
		s.Release()
	}
	if m.c.Streams() != 0 || m.c.streams.count != 0 || m.c.ready.first != nil {
		t.Fatalf("seed %d: %d streams left", seed, m.c.Streams())
	}
}

// frame makes a frame for a stream that there is or was. What would end the
// connection is left out: it would end the test.
func (m *moody) frame(w *wire, server bool) []byte {
	r, c := m.r, m.c
	next := c.nextID
	if server {
		if next = c.lastPeer + 2; c.lastPeer == 0 || r.IntN(6) == 0 {
			return w.headers(next|1, r.IntN(2) == 0, append(slices.Clone(postRequest), "a", []string{"b", "c\n", "d"}[r.IntN(3)])...)
		}
	}
	if next < 3 {
		return appendPing(nil, 0, 1)
	}
	id := next - 2*uint32(1+r.IntN(min(int(next/2), 8)))
	switch r.IntN(10) {
	case 0, 1:
		switch {
		case c.streams.get(id) == nil && c.history.how(id) != resetByUs:
		case server:
			return w.headers(id, true, "x-sum", "1")
		default:
			return w.headers(id, r.IntN(3) == 0, ":status", []string{"200", "103", "204"}[r.IntN(3)])
		}
	case 2:
		return raw(typeReset, 0, id, "\x00\x00\x00\x08")
	case 3, 4:
		if c.sendWin < 1<<30 {
			return window(id*uint32(r.IntN(2)), uint32(1+r.IntN(50_000)))
		}
	case 5:
		return settings(setWindow, uint32(r.IntN(100_000)))
	case 6:
		return raw(typeData, flagPadded, id, "\x05"+string(make([]byte, 5+r.IntN(1000))))
	default:
		if c.recvWin > 1<<14 {
			return data(id, r.IntN(4) == 0, string(make([]byte, r.IntN(8000))))
		}
	}
	return appendPing(nil, 0, 1)
}

// checkBooks compares what is counted with what is there.
func checkBooks(t *testing.T, seed uint64, m *moody) {
	t.Helper()
	c := m.c
	sum := c.recvWin + c.credit
	accepted, opened := 0, 0
	for _, s := range m.held {
		sum += s.owed
		if !s.local() {
			accepted++
		} else if s.state&finished == 0 {
			opened++
		}
	}
	if sum != int64(c.cfg.ConnWindow) || accepted != c.accepted || opened != c.opened {
		t.Fatalf("seed %d: window and credit are %d of %d; %d accepted of %d, %d opened of %d",
			seed, sum, c.cfg.ConnWindow, c.accepted, accepted, c.opened, opened)
	}
	n, queued := 0, 0
	for s := c.streams.first; s != nil; s = s.next {
		if n++; c.streams.get(s.id) != s || s.next != nil && s.next.id <= s.id {
			t.Fatalf("seed %d: stream %d is not where it belongs", seed, s.id)
		}
		if s.queued {
			queued++
		}
	}
	for s := c.ready.first; s != nil; s = s.after {
		queued--
	}
	if n != c.streams.count || queued != 0 {
		t.Fatalf("seed %d: %d streams of %d, %d in the queue", seed, n, c.streams.count, queued)
	}
}
