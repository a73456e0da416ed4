//go:build linux

package load

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"
)

// Kind is the protocol of a load: what clients speak, and with it the backend.
type Kind int

// The kinds of load. The backend speaks HTTP/1.1 but for GRPC, where it speaks
// HTTP/2 with prior knowledge.
const (
	HTTP1     Kind = iota // requests on connections that stay open
	Fresh                 // HTTP/1.1, a new connection for each request
	WebSocket             // messages that are echoed, each a request
	HTTP2                 // requests by HTTP/2 with prior knowledge
	GRPC                  // unary calls, or with Messages server streaming
)

// Spec is a load.
type Spec struct {
	Kind    Kind
	Conns   int // connections, > 0
	Streams int // requests in flight on each; 1 unless HTTP/2
	Up      int // bytes of a request's body, or of a message
	Down    int // bytes of an answer's body, or of a message
	// Messages are how many a gRPC answer has; each counts as one request. 0: one.
	Messages int
	// Targets are what is asked for, in turn. Empty: one of host "bench", path "/".
	Targets []Target
	// TLS is what the clients trust. Nil: no TLS.
	TLS *x509.CertPool
	// Rate of an open loop, per second. 0: a closed loop.
	Rate float64
	// Headers that must reach the backend, in lower case.
	Headers []string

	server string // in the certificate; empty: "bench"
}

// Target is one request's host and path.
type Target struct{ Host, Path string }

func (s Spec) targets() []Target {
	if len(s.Targets) == 0 {
		return []Target{{Host: "bench", Path: "/"}}
	}
	return s.Targets
}

// units are how many requests an answer counts for.
func (s Spec) units() int { return max(1, s.Messages) }

// Result is what a run found.
type Result struct {
	Requests  int // answers that were right
	Elapsed   time.Duration
	Latencies Latencies // of an open loop, from when each request was due
	Overdue   int       // requests of an open loop that had no free connection at the end
}

// Rate is answers a second.
func (r Result) Rate() float64 { return float64(r.Requests) / r.Elapsed.Seconds() }

// Latencies are in the order of time until Quantile sorts them.
type Latencies []time.Duration

// Quantile is the smallest latency that a share of q, 0 < q ≤ 1, does not exceed. 0: there are none.
func (l Latencies) Quantile(q float64) time.Duration {
	if len(l) == 0 {
		return 0
	}
	if !slices.IsSorted(l) {
		slices.Sort(l)
	}
	return l[min(len(l)-1, int(q*float64(len(l))))]
}

// client is one connection's end of a load.
type client interface {
	handler
	// start sends a request that was due at a time.
	start(due time.Time) error
	// inFlight is how many requests wait for their answers.
	inFlight() int
	close()
}

// run is a load under way.
type run struct {
	loop     *Loop
	spec     Spec
	addr     netip.AddrPort
	requests [][]byte // as bytes of HTTP/1.1, in turn
	turn     int

	clients  []client
	count    int
	stopping bool // no more requests

	// Of an open loop.
	interval time.Duration
	next     time.Time // when the next request is due
	backlog  []time.Time
	idle     []client // oldest first
	latency  Latencies
}

// Run sends a load to addr for warm and then for d, or longer where there is no
// answer by then, and waits for the last answers. begin and end are called where
// the measured time begins and ends.
func (l *Loop) Run(addr netip.AddrPort, s Spec, warm, d time.Duration, begin, end func() error) (Result, error) {
	r := &run{loop: l, spec: s, addr: addr}
	r.prepare()
	defer r.close()
	if err := r.connect(s.Conns); err != nil {
		return Result{}, err
	}
	if err := r.begin(); err != nil {
		return Result{}, err
	}
	if err := r.until(time.Now().Add(warm)); err != nil {
		return Result{}, err
	}
	r.count, r.latency = 0, r.latency[:0]
	if err := begin(); err != nil {
		return Result{}, err
	}
	start := time.Now()
	err := r.until(start.Add(d))
	for slow := start.Add(d + time.Minute); err == nil && r.count == 0 && time.Now().Before(slow); {
		err = r.until(time.Now().Add(100 * time.Millisecond))
	}
	if err != nil {
		return Result{}, err
	}
	if err := end(); err != nil {
		return Result{}, err
	}
	result := Result{Requests: r.count, Elapsed: time.Since(start), Latencies: r.latency, Overdue: len(r.backlog)}
	if result.Requests == 0 {
		return Result{}, errors.New("no answer within a minute")
	}
	return result, r.drain()
}

func (r *run) close() {
	for _, c := range r.clients {
		c.close()
	}
}

// connect opens n connections.
func (r *run) connect(n int) error {
	for range n {
		c, err := r.dial()
		if err != nil {
			return err
		}
		r.clients = append(r.clients, c)
	}
	return nil
}

// begin sends the first requests.
func (r *run) begin() error {
	if r.spec.Rate > 0 {
		r.interval = time.Duration(float64(time.Second) / r.spec.Rate)
		r.next = time.Now()
		for _, c := range r.clients {
			for range r.spec.Streams {
				r.idle = append(r.idle, c)
			}
		}
		return nil
	}
	now := time.Now()
	for _, c := range r.clients {
		for range r.spec.Streams {
			if err := c.start(now); err != nil {
				return err
			}
		}
	}
	return nil
}

// until turns the loop till a moment.
func (r *run) until(t time.Time) error {
	for {
		now := time.Now()
		if now.After(t) {
			return nil
		}
		wait := min(t.Sub(now)+time.Millisecond, 100*time.Millisecond)
		if r.spec.Rate > 0 {
			if err := r.dispatch(now); err != nil {
				return err
			}
			wait = 0 // a sleep would be late by more than what is measured
		}
		if err := r.loop.turn(wait); err != nil {
			return err
		}
	}
}

// dispatch sends the requests that are due, or queues them where no connection is free.
func (r *run) dispatch(now time.Time) error {
	for !r.next.After(now) {
		due := r.next
		r.next = r.next.Add(r.interval)
		if len(r.idle) == 0 {
			r.backlog = append(r.backlog, due)
			continue
		}
		c := r.idle[0]
		r.idle = r.idle[1:]
		if err := c.start(due); err != nil {
			return err
		}
	}
	return nil
}

// answered counts a right answer and sends the client's next request.
func (r *run) answered(c client, due time.Time) error {
	r.count += r.spec.units()
	switch {
	case r.stopping:
		return nil
	case r.spec.Rate <= 0:
		return c.start(due)
	}
	r.latency = append(r.latency, time.Since(due))
	if len(r.backlog) == 0 {
		r.idle = append(r.idle, c)
		return nil
	}
	due = r.backlog[0]
	r.backlog = r.backlog[1:]
	return c.start(due)
}

// drain waits for the answers that are under way: they must be right, too.
func (r *run) drain() error {
	r.stopping = true
	for deadline := time.Now().Add(5 * time.Second); ; {
		left := 0
		for _, c := range r.clients {
			left += c.inFlight()
		}
		if left == 0 {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%d requests were never answered", left)
		}
		if err := r.loop.turn(10 * time.Millisecond); err != nil {
			return err
		}
	}
}

// Idle opens n connections, sends one request on each, holds them all open and
// calls held; then it closes them.
func (l *Loop) Idle(addr netip.AddrPort, s Spec, n int, held func() error) error {
	const together = 64 // requests in flight
	r := &run{loop: l, spec: s, addr: addr, stopping: true}
	r.prepare()
	defer r.close()
	for opened := 0; opened < n; opened += together {
		if err := r.connect(min(together, n-opened)); err != nil {
			return err
		}
		for _, c := range r.clients[opened:] {
			if err := c.start(time.Time{}); err != nil {
				return err
			}
		}
		if err := r.drain(); err != nil {
			return err
		}
	}
	return held()
}
