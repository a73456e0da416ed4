package loop

import (
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// Group is the loops of a process.
type Group struct {
	loops []*Loop
	log   *slog.Logger
	tasks sync.WaitGroup // loops, and what Await runs
	birth time.Time

	patience time.Duration // closePatience, but for tests
}

// NewGroup starts n loops, n ≥ 1. log gets panics of tasks and failing accepts.
func NewGroup(n int, log *slog.Logger) (*Group, error) {
	g := &Group{log: log, birth: time.Now(), patience: closePatience}
	for i := range n {
		l, err := newLoop(g, i)
		if err != nil {
			for _, l := range g.loops {
				l.poll.close()
			}
			return nil, fmt.Errorf("event loop: %w", err)
		}
		g.loops = append(g.loops, l)
	}
	for _, l := range g.loops {
		g.tasks.Go(l.run)
	}
	return g, nil
}

// Loops are the group's, always the same. Safe from any goroutine.
func (g *Group) Loops() []*Loop { return g.loops }

// Each calls fn on every loop and returns when all have. Not to be called on a loop.
func (g *Group) Each(fn func(*Loop)) {
	var wg sync.WaitGroup
	for _, l := range g.loops {
		wg.Add(1)
		if !l.post(func() { defer wg.Done(); fn(l) }) {
			wg.Done()
		}
	}
	wg.Wait()
}

// Close ends all waits with ErrClosed, closes all connections, and returns when
// no task is left. Safe from any goroutine but a loop's; more than once.
func (g *Group) Close() {
	for _, l := range g.loops {
		l.Post(func() { l.closing = true })
	}
	g.tasks.Wait()
}

// Loop is one event loop.
type Loop struct {
	// Index is its place in Group.Loops.
	Index int

	group   *Group
	poll    *poller
	now     int64
	closing bool
	rested  int64 // when other goroutines had their turn

	slots   []slot // by token
	free    []uint32
	ready   []*Task
	later   []*Task // those that are ready in the next turn
	tasks   []*Task // all coroutines
	idle    []*Task // those that have nothing to run
	running int     // tasks that have a function
	dirty   []*Conn
	held    []*Conn // those with input that waits for the next turn
	turn    int64
	timers  timers
	buffers buffers
	pipe    pipe
	conns   atomic.Int64

	mail struct {
		sync.Mutex
		queue  []func()
		closed bool
		rung   bool
	}
}

// slot is what an event's token leads to. The token holds the generation, too,
// so that an event of a closed connection does not reach the next one.
type slot struct {
	generation uint32
	conn       *Conn
	listener   *socket
}

func newLoop(g *Group, index int) (*Loop, error) {
	p, err := newPoller()
	if err != nil {
		return nil, err
	}
	l := &Loop{Index: index, group: g, poll: p}
	l.tick()
	return l, nil
}

// Now is the time of this turn in nanoseconds since the group began, monotonic.
// It is read once a turn: tasks of one turn see the same.
func (l *Loop) Now() int64 { return l.now }

// Clock reads the clock, where the turn's time is not exact enough.
func (l *Loop) Clock() int64 { return int64(time.Since(l.group.birth)) }

func (l *Loop) tick() { l.now = l.Clock() }

// Conns is how many connections there are. Safe from any goroutine.
func (l *Loop) Conns() int { return int(l.conns.Load()) }

// Post runs fn on the loop, soon. Safe from any goroutine. After the loop's end it does nothing.
func (l *Loop) Post(fn func()) { l.post(fn) }

func (l *Loop) post(fn func()) bool {
	l.mail.Lock()
	if l.mail.closed {
		l.mail.Unlock()
		return false
	}
	l.mail.queue = append(l.mail.queue, fn)
	ring := !l.mail.rung
	l.mail.rung = true
	l.mail.Unlock()
	if ring {
		l.poll.wake()
	}
	return true
}

// Go runs fn as a task, in this turn.
func (l *Loop) Go(fn func(*Task)) *Task {
	var t *Task
	if n := len(l.idle); n > 0 {
		t = l.idle[n-1]
		l.idle = l.idle[:n-1]
	} else {
		t = newTask(l)
	}
	t.fn = fn
	l.running++
	t.queued = true
	l.ready = append(l.ready, t)
	return t
}

func (l *Loop) panicked(p any, stack []byte) {
	l.group.log.Error("a task panicked", "panic", fmt.Sprint(p), "stack", string(stack))
}

// run is the loop, turn after turn.
func (l *Loop) run() {
	for {
		n := l.poll.wait(l.timeout())
		l.tick()
		l.rest()
		l.turn++
		l.unhold()
		l.ready = append(l.ready, l.later...)
		clear(l.later)
		l.later = l.later[:0]
		for i := range n {
			l.handle(l.poll.event(i))
		}
		l.timers.fire(l.now)
		l.runReady()
		l.flushAll()
		if l.closing && l.end() {
			return
		}
	}
}

// rest gives way to other goroutines now and then. The scheduler's monitor would
// interrupt a loop that runs for 10 ms, and look 50 times in the millisecond after
// that whether there is more to do: 5,000 wake-ups a second beside a busy loop.
func (l *Loop) rest() {
	const every = int64(5 * time.Millisecond)
	if l.now-l.rested >= every {
		l.rested = l.now
		runtime.Gosched()
	}
}

// timeout is how long to wait for events, in milliseconds, rounded up: a timer
// is never early.
func (l *Loop) timeout() int {
	if len(l.ready)+len(l.later)+len(l.held) > 0 {
		return 0
	}
	if l.closing { // tasks may be in Await, which rings; others are asked again
		return 10
	}
	next := l.timers.next()
	if next == never {
		return -1
	}
	const most = int64(time.Hour / time.Millisecond)
	return int(min(max(0, (next-l.now+int64(time.Millisecond)-1)/int64(time.Millisecond)), most))
}

func (l *Loop) handle(ev event) {
	if ev.token == wakeToken {
		l.poll.woken()
		l.readMail()
		return
	}
	s := &l.slots[uint32(ev.token)]
	if uint64(s.generation) != ev.token>>32 {
		return // closed in this turn
	}
	switch {
	case s.conn != nil:
		s.conn.event(ev.bits)
	case s.listener != nil:
		s.listener.accept(l)
	}
}

func (l *Loop) readMail() {
	l.mail.Lock()
	queue := l.mail.queue
	l.mail.queue, l.mail.rung = nil, false
	l.mail.Unlock()
	for _, fn := range queue {
		fn()
	}
}

// runReady resumes tasks until none is ready.
func (l *Loop) runReady() {
	for i := 0; i < len(l.ready); i++ { //nolint:intrange // it grows meanwhile
		t := l.ready[i]
		t.queued = false
		t.resume()
	}
	clear(l.ready)
	l.ready = l.ready[:0]
}

// unhold lets connections be read again that had their share of the last turn.
func (l *Loop) unhold() {
	for _, c := range l.held {
		c.held = false
		if c.fd >= 0 && c.canRead {
			c.wakeInput()
		}
	}
	clear(l.held)
	l.held = l.held[:0]
}

// flushAll sends what the turn wrote.
func (l *Loop) flushAll() {
	for i := 0; i < len(l.dirty); i++ { //nolint:intrange // it grows meanwhile
		c := l.dirty[i]
		c.dirty = false
		c.flush()
	}
	clear(l.dirty)
	l.dirty = l.dirty[:0]
}

// take gives c or s a token.
func (l *Loop) take(c *Conn, s *socket) (token uint64) {
	var i uint32
	if n := len(l.free); n > 0 {
		i = l.free[n-1]
		l.free = l.free[:n-1]
	} else {
		i = uint32(len(l.slots))
		l.slots = append(l.slots, slot{generation: 1})
	}
	l.slots[i].conn, l.slots[i].listener = c, s
	return uint64(i) | uint64(l.slots[i].generation)<<32
}

// give takes the token back.
func (l *Loop) give(token uint64) {
	i := uint32(token)
	l.slots[i] = slot{generation: l.slots[i].generation + 1}
	l.free = append(l.free, i)
}

// end closes what is left and reports whether all tasks are done.
func (l *Loop) end() bool {
	for i := range l.slots {
		if c := l.slots[i].conn; c != nil {
			c.Abort()
		}
		if s := l.slots[i].listener; s != nil {
			s.remove(l)
		}
	}
	for _, t := range l.tasks {
		if t.fn != nil {
			t.enqueue()
		}
	}
	l.runReady()
	l.flushAll()
	if l.running > 0 {
		return false
	}
	l.mail.Lock()
	l.mail.closed = true
	queue := l.mail.queue
	l.mail.queue = nil
	l.mail.Unlock()
	for _, fn := range queue {
		fn()
	}
	for _, t := range l.idle {
		t.stop()
	}
	l.pipe.close()
	l.poll.close()
	return true
}
