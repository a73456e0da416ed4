package loop

import (
	"errors"
	"iter"
	"runtime/debug"
	"time"
)

// ErrTimeout is returned by waits whose deadline passed.
var ErrTimeout = errors.New("timed out")

// ErrClosed is returned by waits when the loop ends or the connection was closed here.
var ErrClosed = errors.New("closed")

// Task is a coroutine of a loop. Its methods are for the function that it runs,
// but for Wake.
type Task struct {
	loop     *Loop
	fn       func(*Task)
	resume   func() (struct{}, bool)
	stop     func()
	yield    func(struct{}) bool
	deadline int64 // of the wait, never if none
	timer    timer
	index    int // in loop.tasks
	parked   bool
	queued   bool // in loop.ready
	woken    bool // since the last wait began
}

// newTask makes a coroutine that runs one function after another.
func newTask(l *Loop) *Task {
	t := &Task{loop: l, deadline: never}
	t.timer.owner = t
	t.index = len(l.tasks)
	l.tasks = append(l.tasks, t)
	t.resume, t.stop = iter.Pull(func(yield func(struct{}) bool) {
		t.yield = yield
		for {
			t.run()
			if len(l.idle) >= maxIdle {
				break
			}
			l.idle = append(l.idle, t)
			if !yield(struct{}{}) {
				return
			}
		}
		l.timers.disarm(&t.timer)
		last := len(l.tasks) - 1
		l.tasks[t.index] = l.tasks[last]
		l.tasks[t.index].index = t.index
		l.tasks[last] = nil
		l.tasks = l.tasks[:last]
	})
	return t
}

// maxIdle is how many coroutines without work a loop keeps: making one costs
// about a microsecond and 4 KiB.
const maxIdle = 1024

// run calls the task's function; a panic ends that alone.
func (t *Task) run() {
	defer func() {
		t.fn = nil
		t.woken = false
		t.loop.running--
		if p := recover(); p != nil {
			t.loop.panicked(p, debug.Stack())
		}
	}()
	t.fn(t)
}

// Loop is the task's.
func (t *Task) Loop() *Loop { return t.loop }

// Wait gives way until Wake is called, until deadline (in the time of
// Loop.Now, 0: none) or until the loop ends. A Wake since the last Wait returned
// makes it return at once. Wake-ups may be for another reason than the caller
// waits for: it looks again and waits again.
func (t *Task) Wait(deadline int64) error {
	switch {
	case t.loop.closing:
		return ErrClosed
	case t.woken:
		t.woken = false
		return nil
	case deadline != 0 && deadline <= t.loop.now:
		return ErrTimeout
	case deadline == 0:
		deadline = never
	}
	t.park(deadline)
	switch {
	case t.woken:
		t.woken = false
		return nil
	case t.loop.closing:
		return ErrClosed
	}
	return ErrTimeout
}

// park gives way until the task is enqueued.
func (t *Task) park(deadline int64) {
	t.deadline = deadline
	if deadline != never {
		t.loop.timers.arm(&t.timer, deadline)
	}
	t.parked = true
	t.yield(struct{}{})
	t.parked = false
	t.deadline = never
}

// Yield gives way to all others for a turn.
func (t *Task) Yield() {
	t.loop.later = append(t.loop.later, t)
	t.yield(struct{}{})
}

// Wake makes the task's wait return. It does nothing for a nil task.
func (t *Task) Wake() {
	if t == nil {
		return
	}
	t.woken = true
	t.enqueue()
}

func (t *Task) enqueue() {
	if t.parked && !t.queued {
		t.queued = true
		t.loop.ready = append(t.loop.ready, t)
	}
}

func (t *Task) due() int64 { return t.deadline }

func (t *Task) expire() { t.enqueue() }

// Await runs fn, which may block, on a goroutine of its own and waits for its
// end; the loop goes on meanwhile. It waits for fn even when the loop is closing.
func (t *Task) Await(fn func()) {
	done := false
	t.loop.group.tasks.Go(func() {
		fn()
		t.loop.Post(func() {
			done = true
			t.Wake()
		})
	})
	for !done {
		t.park(never)
	}
	t.woken = true // whatever else woke it
}

// Sleep waits for d, or until the loop ends.
func (t *Task) Sleep(d time.Duration) error {
	until := t.loop.now + int64(d)
	for {
		if err := t.Wait(until); errors.Is(err, ErrTimeout) {
			return nil
		} else if err != nil {
			return err
		}
	}
}
