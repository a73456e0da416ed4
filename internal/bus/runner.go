package bus

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/banyanrun/banyan/internal/bus/engine"
	"github.com/banyanrun/banyan/internal/bus/flow"
	"github.com/banyanrun/banyan/internal/crashpoint"
)

// source is where a runner's records come from.
type source interface {
	// next waits for at least one record and returns at most most; io.EOF: there will be none.
	next(ctx context.Context, most int) ([]engine.Stored, error)
	// load returns those of the records, in order of their place, that are still kept.
	load(ctx context.Context, places []engine.Position) ([]engine.Stored, error)
	// skipped returns, after engine.ErrGone from next, how many records are missing, and goes on behind them.
	skipped(ctx context.Context) (uint64, error)
	close()
}

// sink is who keeps what came of a runner's deliveries. Those of its methods that
// take no context are called with the runner locked.
type sink interface {
	// delivered: the service has the record.
	delivered(ctx context.Context, d flow.Delivery)
	// buried stores a dead letter, and returns when it is durable.
	buried(ctx context.Context, d flow.Delivery, v flow.Verdict, a answer) error
	// troubled: a delivery failed, and there will be another.
	troubled(d flow.Delivery, v flow.Verdict, a answer)
	// unseen: a delivery came to nothing that counts.
	unseen(a answer)
	// settled: records are open no more, for whatever reason.
	settled(places ...engine.Position)
	// lost: retention took records that were not delivered.
	lost(count uint64)
}

// retryWait is between tries of what ought not to fail: engine and progress store.
const retryWait = time.Second

// runner carries out what a flow decides: it reads, delivers, and tells the sink.
type runner struct {
	client *client
	source source
	sink   sink
	send   func(flow.Delivery) message
	fail   func(what string, err error) // tells a failure that is tried again

	ctx    context.Context // ends deliveries
	cancel context.CancelFunc
	read   context.Context // ends reading
	finish context.CancelFunc
	wg     sync.WaitGroup

	idle   chan struct{}          // closed when there is no more to do
	over   sync.Once              // that is
	roomy  chan struct{}          // cap 1: room may have changed
	reason atomic.Pointer[string] // why reading fails now; nil: it does not

	mu      sync.Mutex // guards what follows
	flow    *flow.Flow
	room    int // records that may be read
	timer   *time.Timer
	ending  bool
	drained bool // the source has no more
	quit    bool // the service wants no more
}

func newRunner(c *client, config flow.Config, progress flow.Progress, trouble []flow.Trouble) *runner {
	r := &runner{client: c, roomy: make(chan struct{}, 1), idle: make(chan struct{}), fail: func(string, error) {}}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	r.read, r.finish = context.WithCancel(r.ctx)
	r.flow = flow.New(time.Now(), config, progress, trouble, rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64()))) //nolint:gosec // jitter is no secret
	return r
}

// start begins. All fields must be set by then.
func (r *runner) start() {
	r.wg.Go(r.reading)
	r.do(func(*flow.Flow, time.Time) {})
}

// stop ends reading at once and deliveries after grace at the latest. What is
// under way then counts as not made. The source is to be closed after it.
func (r *runner) stop(grace time.Duration) {
	r.mu.Lock()
	r.ending = true
	r.flow.Pause()
	if r.timer != nil {
		r.timer.Stop()
	}
	r.mu.Unlock()
	r.finish()
	late := time.AfterFunc(grace, r.cancel)
	r.wg.Wait()
	late.Stop()
	r.cancel()
}

// do changes the flow and carries out what follows.
func (r *runner) do(change func(*flow.Flow, time.Time)) {
	r.advance(func(f *flow.Flow, now time.Time) bool {
		change(f, now)
		return false
	})
}

// advance is do for a caller that may make a delivery itself: if change says that it
// is free, it is given one of those that follow, if there is any. That spares a
// goroutine, whose stack grows anew with each request.
func (r *runner) advance(change func(*flow.Flow, time.Time) (free bool)) (next flow.Delivery, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	free := change(r.flow, now)
	if r.ending {
		return next, false
	}
	step := r.flow.Advance(now)
	for _, d := range step.Send {
		if free && !ok {
			next, ok = d, true
			continue
		}
		r.wg.Go(func() { r.deliver(d) })
	}
	if len(step.Load) > 0 {
		r.wg.Go(func() { r.load(step.Load) })
	}
	if r.room = step.Read; r.room > 0 {
		select {
		case r.roomy <- struct{}{}:
		default:
		}
	}
	r.wakeAt(now, step.Wake)
	if r.quit || r.drained && r.flow.Stat(now).Open == 0 {
		r.over.Do(func() { close(r.idle) })
	}
	return next, ok
}

func (r *runner) wakeAt(now, at time.Time) {
	switch {
	case at.IsZero():
		if r.timer != nil {
			r.timer.Stop()
		}
	case r.timer == nil:
		r.timer = time.AfterFunc(at.Sub(now), func() { r.do(func(*flow.Flow, time.Time) {}) })
	default:
		r.timer.Reset(at.Sub(now))
	}
}

// reading gives new records to the flow while it has room.
func (r *runner) reading() {
	for {
		r.mu.Lock()
		room := r.room
		r.mu.Unlock()
		if room == 0 {
			select {
			case <-r.roomy:
				continue
			case <-r.read.Done():
				return
			}
		}
		records, err := r.source.next(r.read, room)
		switch {
		case r.read.Err() != nil:
			return
		case errors.Is(err, io.EOF):
			r.do(func(*flow.Flow, time.Time) { r.drained = true })
			return
		case errors.Is(err, engine.ErrGone):
			err = r.skip()
		case err == nil:
			r.do(func(f *flow.Flow, _ time.Time) {
				if done := f.Take(records); len(done) > 0 {
					r.sink.settled(done...)
				}
			})
		}
		if !r.recovered("read", err) {
			return
		}
	}
}

// skip goes on behind what retention took.
func (r *runner) skip() error {
	count, err := r.source.skipped(r.read)
	if err == nil && count > 0 {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.sink.lost(count)
	}
	return err
}

// recovered waits after an error, and reports whether to try again.
func (r *runner) recovered(what string, err error) bool {
	if err == nil {
		r.reason.Store(nil)
		return true
	}
	if r.read.Err() == nil {
		reason := err.Error()
		if was := r.reason.Swap(&reason); was == nil || *was != reason {
			r.fail(what, err)
		}
	}
	return wait(r.read, retryWait) == nil
}

// wait returns the context's error if it ends before the time is over.
func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// load reads records again.
func (r *runner) load(places []engine.Position) {
	for {
		records, err := r.source.load(r.read, places)
		if err == nil {
			r.do(func(f *flow.Flow, _ time.Time) { r.loaded(f, places, records) })
		}
		if err == nil || !r.recovered("read again", err) {
			return
		}
	}
}

func (r *runner) loaded(f *flow.Flow, places []engine.Position, records []engine.Stored) {
	there := make(map[engine.Position]bool, len(records))
	for i := range records {
		there[records[i].Position] = true
	}
	var gone []engine.Position
	for _, at := range places {
		if !there[at] {
			gone = append(gone, at)
		}
	}
	f.Take(records)
	for _, at := range gone {
		f.Drop(at)
	}
	if len(gone) > 0 {
		r.sink.lost(uint64(len(gone)))
		r.sink.settled(gone...)
	}
}

// deliver makes a delivery, and others as long as one follows.
func (r *runner) deliver(d flow.Delivery) {
	for more := true; more; {
		d, more = r.deliverOne(d)
	}
}

// deliverOne makes one delivery and sees to what follows from it, apart from the
// delivery that it returns.
func (r *runner) deliverOne(d flow.Delivery) (next flow.Delivery, more bool) {
	a := r.client.post(r.ctx, r.send(d))
	if r.ctx.Err() != nil && a.outcome != flow.Done {
		return next, false // it will be made again
	}
	if a.outcome == flow.Done {
		r.sink.delivered(r.ctx, d)
	}
	var verdict flow.Verdict
	next, more = r.advance(func(f *flow.Flow, now time.Time) bool {
		verdict = f.Answer(now, d.Position, a.outcome, a.after)
		switch {
		case a.outcome == flow.Done:
			r.sink.settled(d.Position)
		case a.outcome != flow.Failed:
			r.sink.unseen(a)
		case !verdict.Dead:
			r.sink.troubled(d, verdict, a)
		}
		return !verdict.Dead
	})
	crashpoint.Pass(crashpoint.DeliverAnswered)
	if verdict.Dead {
		r.bury(d, verdict, a)
	}
	return next, more
}

// bury lets the record's key go on when its dead letter is durable.
func (r *runner) bury(d flow.Delivery, v flow.Verdict, a answer) {
	for {
		err := r.sink.buried(r.ctx, d, v, a)
		if err == nil {
			break
		}
		r.fail("keep a dead letter", err)
		if wait(r.read, retryWait) != nil {
			return // it stays open
		}
	}
	crashpoint.Pass(crashpoint.DeadStored)
	r.do(func(f *flow.Flow, _ time.Time) {
		f.Drop(d.Position)
		r.sink.settled(d.Position)
	})
	crashpoint.Pass(crashpoint.DeadMoved)
}
