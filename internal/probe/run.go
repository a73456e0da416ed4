package probe

import (
	"context"
	"math/rand/v2"
	"time"
)

const (
	// firstWait is the pause after the first ask that failed; it grows by half
	// up to maxWait, or the period if that is less, until the first success.
	firstWait = 5 * time.Millisecond
	maxWait   = 100 * time.Millisecond
	// jitter is the part of a period by which asks are spread: 10 %.
	jitter = 10
)

// Run asks until ctx ends. It calls onResult, never twice at once, when the
// result changes and, while it is negative, when its reason does; the reason is
// a text for people, empty when ready. A Liveness probe reports nothing until
// it fails.
func Run(ctx context.Context, p Probe, t Target, onResult func(ready bool, reason string)) {
	p = p.WithDefaults()
	s := &state{p: p}
	if p.Kind == Liveness {
		s.ready, s.ever, s.told = true, true, true
	}
	if !sleep(ctx, p.InitialDelay) {
		return
	}
	if p.Log {
		runLog(ctx, t, onResult)
		return
	}
	ask := asker(p, t)
	wait := firstWait
	for {
		reason := ask(ctx)
		if ctx.Err() != nil {
			return
		}
		if s.take(reason) {
			onResult(s.ready, s.reason)
		}
		pause := spread(p.Period)
		if !s.ever {
			pause = min(wait, maxWait, p.Period)
			wait += wait / 2
		}
		if !sleep(ctx, pause) {
			return
		}
	}
}

// spread is the period, give or take, so that asks that began together part.
func spread(period time.Duration) time.Duration {
	width := int64(period) / jitter
	if width == 0 {
		return period
	}
	return period - time.Duration(width/2) + time.Duration(rand.Int64N(width)) //nolint:gosec // nothing secret
}

func runLog(ctx context.Context, t Target, onResult func(bool, string)) {
	select {
	case <-t.Log:
	default:
		onResult(false, "the line that says it is ready has not come yet")
		select {
		case <-t.Log:
		case <-ctx.Done():
			return
		}
	}
	onResult(true, "")
	<-ctx.Done()
}

// sleep returns false when ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
