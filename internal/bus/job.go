package bus

import (
	"context"
	"sync/atomic"

	"github.com/banyanrun/banyan/internal/bus/engine"
	"github.com/banyanrun/banyan/internal/bus/flow"
	"github.com/banyanrun/banyan/internal/bus/progress"
	"github.com/banyanrun/banyan/internal/fault"
)

// task is a source of a job, and what a job's deliveries mean to it.
type task interface {
	source
	// place is where the record is in the topic.
	place(at engine.Position) engine.Position
	// attempt is the number of a delivery.
	attempt(d flow.Delivery) int
	delivered(ctx context.Context, d flow.Delivery) error
	buried(ctx context.Context, d flow.Delivery, v flow.Verdict, a answer) error
}

// job delivers some records to a subscription beside what it gets anyway. It ends
// with them, and its progress is kept nowhere.
type job struct {
	*runner

	task task
	name progress.Name
	bus  *Bus

	ok, failed, missing atomic.Int64
}

// job runs one to its end, or that of the context.
func (b *Bus) job(ctx context.Context, name progress.Name, t task, spec Subscription, config flow.Config, replay string) (Report, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if err := b.enterJob(name, cancel); err != nil {
		return Report{}, err
	}
	defer b.leaveJob(name)
	// It is known by now to whoever pauses the subscription.
	if s := b.subscription(name); s != nil && s.paused() {
		return Report{}, paused(name.Topic, name.Service)
	}
	j := &job{runner: newRunner(b.client, config, flow.Progress{}, nil), task: t, name: name, bus: b}
	j.source, j.sink = t, j
	j.fail = func(what string, err error) {
		b.log.Warn("a redrive or replay waits", "topic", name.Topic, "service", name.Service, "cannot", what, "error", err)
	}
	j.send = func(d flow.Delivery) message {
		return message{to: spec, at: t.place(d.Position), record: d.Record, attempt: t.attempt(d), replay: replay}
	}
	j.start()
	var err error
	select {
	case <-j.idle:
	case <-ctx.Done():
		err = context.Cause(ctx)
	case <-b.ended:
		err = restarting(name.Topic)
	}
	j.stop(grace)
	j.source.close()
	return Report{Delivered: int(j.ok.Load()), Failed: int(j.failed.Load()), Lost: int(j.missing.Load())}, err
}

func (b *Bus) enterJob(name progress.Name, end context.CancelCauseFunc) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closing || !b.running {
		return restarting(name.Topic)
	}
	if b.jobs[name] != nil {
		return fault.New(fault.Conflict, "a redrive or replay to service %s of topic %s is under way", name.Service, name.Topic).
			Fix("wait for its end, or end it")
	}
	b.jobs[name] = end
	b.jobsDone.Add(1)
	return nil
}

func (b *Bus) leaveJob(name progress.Name) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.jobs, name)
	b.jobsDone.Done()
}

func (b *Bus) subscription(name progress.Name) *subscription {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.subscriptions[name]
}

func (s *subscription) paused() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state == progress.Paused
}

// paused is why nothing is redriven or replayed.
func paused(topic, service string) error {
	return fault.New(fault.Conflict, "deliveries of topic %s to service %s are paused", topic, service).
		Fix("let them go on with `banyan events resume %s %s`", topic, service)
}

// job returns how jobs of the subscription deliver.
func (s *subscription) job() (Subscription, flow.Config) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.spec, s.config()
}

func (j *job) delivered(ctx context.Context, d flow.Delivery) {
	j.ok.Add(1)
	if err := j.task.delivered(ctx, d); err != nil {
		j.fail("note a delivery", err)
	}
}

func (j *job) buried(ctx context.Context, d flow.Delivery, v flow.Verdict, a answer) error {
	if err := j.task.buried(ctx, d, v, a); err != nil {
		return err
	}
	j.failed.Add(1)
	return nil
}

func (j *job) troubled(flow.Delivery, flow.Verdict, answer) {}
func (j *job) settled(...engine.Position)                   {}
func (j *job) lost(count uint64)                            { j.missing.Add(int64(count)) }

// unseen leaves the job waiting for as long as nobody sees it; whoever started it
// can end it. A service that wants no more ends it at once.
func (j *job) unseen(a answer) {
	if a.outcome == flow.Gone {
		j.quit = true
	}
}
