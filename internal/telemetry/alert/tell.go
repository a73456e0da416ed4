package alert

import (
	"context"
	"sync"
	"time"
)

// sendTimeout bounds one attempt to tell a receiver.
const sendTimeout = 20 * time.Second

// tell tells receivers what is due until ctx ends.
func (e *Evaluator) tell(ctx context.Context) {
	var sending sync.WaitGroup
	defer sending.Wait()
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		e.mu.Lock()
		notices, wait := e.told.take(e.options.Now())
		e.mu.Unlock()
		for _, n := range notices {
			sending.Go(func() { e.send(ctx, n) })
		}
		if wait < 0 {
			wait = time.Hour
		}
		timer.Reset(wait)
		select {
		case <-ctx.Done():
			return
		case <-e.wake:
		case <-timer.C:
		}
	}
}

// send makes one attempt.
func (e *Evaluator) send(ctx context.Context, n notice) {
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	err := n.receiver.send(ctx, message{notice: n, app: e.options.App, dashboard: e.options.Dashboard()})
	e.mu.Lock()
	e.told.done(n, e.options.Now(), err, isFinal(err))
	e.mu.Unlock()
	if err != nil {
		e.options.Log.Warn("a receiver of alerts cannot be told", "receiver", n.receiver.Name, "alert", n.rule, "error", err)
	} else {
		e.options.Log.Info("a receiver was told of alerts", "receiver", n.receiver.Name, "alert", n.rule, "firing", len(n.firing), "resolved", len(n.resolved))
	}
	e.save()
	e.nudge()
}
