package export

import (
	"context"
	"errors"
	"log/slog"
	"time"
)

const (
	// each is how often it is looked whether there is something to send.
	each = time.Second
	// readRetry is when it is tried again to read what is kept.
	readRetry = 5 * time.Second
	// tellEach is how often it is said that records are refused.
	tellEach = time.Minute
)

// source gives what is to be sent, batch by batch.
type source interface {
	// next returns what comes next; one without records: there is nothing now. What was
	// returned comes again until done is called. Last: nothing will be added any more.
	next(ctx context.Context, last bool) (Batch, error)
	done()
	waiting() int64
	close()
}

// pipe sends one signal to one target.
type pipe struct {
	counter

	signal Signal
	source source
	sender Sender
	saved  func() // notes how far it has come, soon
	log    *slog.Logger
	every  time.Duration // each, but in tests
	// ending is closed when what is there should be sent, and then nothing any more.
	ending <-chan struct{}

	backoff backoff
	failing bool
	told    time.Time
}

// run sends until ctx ends or, once it is ending, until all is sent or an attempt fails.
func (p *pipe) run(ctx context.Context) {
	defer p.source.close()
	for ctx.Err() == nil {
		last := p.isEnding()
		b, err := p.source.next(ctx, last)
		switch {
		case err != nil:
			if ctx.Err() != nil {
				return
			}
			p.fail(&Failure{Err: err}, "telemetry cannot be read to be exported")
			if last || !p.wait(ctx, readRetry) {
				return
			}
		case b.Len() == 0:
			p.change(func(now *Count) { now.Behind = time.Time{} })
			p.saved()
			if last || !p.wait(ctx, p.every) && ctx.Err() != nil {
				return
			}
		default:
			if !p.deliver(ctx, b) {
				return
			}
			p.source.done()
			p.saved()
		}
	}
}

func (p *pipe) isEnding() bool {
	select {
	case <-p.ending:
		return true
	default:
		return false
	}
}

// wait waits; false: ctx ended, or it is ending.
func (p *pipe) wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-p.ending:
	case <-ctx.Done():
	}
	return false
}

// deliver sends a batch until nothing of it is left; false: it was given up.
func (p *pipe) deliver(ctx context.Context, b Batch) bool {
	p.change(func(now *Count) {
		if now.Behind.IsZero() {
			now.Behind = time.Now()
		}
	})
	left := []Batch{b}
	for len(left) > 0 {
		now := left[len(left)-1]
		left = left[:len(left)-1]
		answer, err := p.sender.Send(ctx, &now)
		if ctx.Err() != nil && err != nil {
			return false
		}
		p.change(func(c *Count) { c.Bytes += int64(answer.Bytes) })
		failure, ok := errors.AsType[*Failure](err)
		if err != nil && !ok {
			failure = &Failure{Err: err}
		}
		wait := time.Duration(0)
		switch {
		case failure == nil:
			p.took(&now, &answer)
			if len(answer.Again) > 0 {
				left, wait = append(left, now.pick(answer.Again)), p.backoff.wait(answer.After)
			} else {
				p.backoff.reset()
			}
		case failure.Kind == TooLarge && now.Len() > 1:
			first, second := now.halves()
			left = append(left, second, first)
		case failure.Kind == TooLarge:
			p.refuse("too large for the target", now.Len(), failure)
		case failure.Kind == Never:
			p.refuse("refused by the target", now.Len(), failure)
		default:
			p.fail(failure, "telemetry waits: it cannot be exported")
			left, wait = append(left, now), p.backoff.wait(failure.After)
		}
		if wait > 0 && (p.isEnding() || !p.wait(ctx, wait)) {
			return false
		}
	}
	return true
}

// took counts what the target took, and what not.
func (p *pipe) took(b *Batch, a *Answer) {
	refused := 0
	for _, n := range a.Refused {
		refused += n
	}
	p.change(func(now *Count) {
		now.Sent += int64(max(0, b.Len()-refused-len(a.Again)))
		if len(a.Again) == 0 {
			now.Err = nil
		}
	})
	for reason, n := range a.Refused {
		p.drop(reason, int64(n))
		if a.Why == nil {
			a.Why = errors.New(reason)
		}
		p.tell(a.Why, n)
	}
	if p.failing && len(a.Again) == 0 {
		p.failing = false
		p.log.Info("telemetry is exported again")
	}
}

// refuse counts a batch that will never be taken.
func (p *pipe) refuse(reason string, n int, f *Failure) {
	p.backoff.reset()
	p.change(func(now *Count) { now.Failed++ })
	p.drop(reason, int64(n))
	p.tell(f, n)
}

func (p *pipe) tell(err error, n int) {
	if now := time.Now(); now.Sub(p.told) >= tellEach {
		p.told = now
		p.log.Error("a part of telemetry is not exported: its target refuses it", "records", n, "error", err)
	}
}

// fail counts a failure that may pass, and says it once.
func (p *pipe) fail(f *Failure, what string) {
	p.change(func(now *Count) { now.Failed, now.Err = now.Failed+1, f })
	if p.failing {
		return
	}
	p.failing = true
	p.log.Warn(what, "error", f)
}
