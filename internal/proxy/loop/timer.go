package loop

import "math"

// never is the time of what is not due.
const never = math.MaxInt64

// timer is an entry of a loop's heap. It is armed for the earliest time at which
// its owner may be due; an owner that is due later by then is armed again. So a
// deadline that moves, as most do with each request, costs one assignment.
type timer struct {
	at    int64 // armed for
	index int   // in the heap, from 1; 0: not armed
	owner expirer
}

// expirer has a time at which something is due.
type expirer interface {
	// due is that time, never if nothing is due.
	due() int64
	// expire is called when it has come.
	expire()
}

// timers is a binary heap by time.
type timers []*timer

// arm makes sure that t fires at or before the time at.
func (h *timers) arm(t *timer, at int64) {
	switch {
	case t.index == 0:
		t.at = at
		*h = append(*h, t)
		t.index = len(*h)
		h.up(t.index - 1)
	case at < t.at:
		t.at = at
		h.up(t.index - 1)
	}
}

// disarm takes t out.
func (h *timers) disarm(t *timer) {
	if t.index == 0 {
		return
	}
	i, last := t.index-1, len(*h)-1
	h.swap(i, last)
	(*h)[last] = nil
	*h = (*h)[:last]
	t.index = 0
	if i < last {
		h.down(i)
		h.up(i)
	}
}

// next is the time of the first, never if there is none.
func (h timers) next() int64 {
	if len(h) == 0 {
		return never
	}
	return h[0].at
}

// fire expires what is due at now.
func (h *timers) fire(now int64) {
	for len(*h) > 0 && (*h)[0].at <= now {
		t := (*h)[0]
		h.disarm(t)
		switch due := t.owner.due(); {
		case due <= now:
			t.owner.expire()
		case due != never:
			h.arm(t, due)
		}
	}
}

func (h timers) up(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if h[parent].at <= h[i].at {
			return
		}
		h.swap(i, parent)
		i = parent
	}
}

func (h timers) down(i int) {
	for {
		child := 2*i + 1
		if child >= len(h) {
			return
		}
		if r := child + 1; r < len(h) && h[r].at < h[child].at {
			child = r
		}
		if h[i].at <= h[child].at {
			return
		}
		h.swap(i, child)
		i = child
	}
}

func (h timers) swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i+1, j+1
}

// Timer calls a function on its loop at a time.
type Timer struct {
	loop  *Loop
	at    int64
	fn    func()
	timer timer
}

// NewTimer returns a timer that is not set.
func (l *Loop) NewTimer(fn func()) *Timer {
	t := &Timer{loop: l, at: never, fn: fn}
	t.timer.owner = t
	return t
}

// Set has the function called once at the time at, of Loop.Now, in place of what was set before.
func (t *Timer) Set(at int64) {
	t.at = at
	t.loop.timers.arm(&t.timer, at)
}

// Stop unsets it.
func (t *Timer) Stop() { t.at = never }

// IsSet reports whether the function will be called.
func (t *Timer) IsSet() bool { return t.at != never }

func (t *Timer) due() int64 { return t.at }

func (t *Timer) expire() {
	t.at = never
	t.fn()
}
