package cli

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/banyanrun/banyan/internal/cli/view"
	"github.com/banyanrun/banyan/internal/fault"
	banyanv1 "github.com/banyanrun/banyan/proto/banyan/v1"
)

// verdict is what a waiting command makes of a report.
type verdict int

const (
	pending verdict = iota
	success
	failure
)

// waiting is a wait for the daemon to get somewhere.
type waiting struct {
	judge   func(*banyanv1.Status) verdict
	timeout time.Duration
	signals <-chan os.Signal
}

// outcome is how a wait ended.
type outcome int

const (
	reached outcome = iota
	failed
	timedOut
	interrupted
	wentDown
)

// wait shows progress until the judge decides, time runs out or a signal comes.
func (p *program) wait(ctx context.Context, s *session, t target, r *reporter, w waiting) (*banyanv1.Status, outcome, error) {
	f := p.follow(ctx, s, t)
	defer f.close()
	ticker := time.NewTicker(frameTime)
	defer ticker.Stop()
	var expired <-chan time.Time
	if w.timeout > 0 {
		timer := time.NewTimer(w.timeout)
		defer timer.Stop()
		expired = timer.C
	}
	var last *banyanv1.Status
	for {
		select {
		case st, ok := <-f.Statuses:
			if !ok {
				return last, wentDown, f.err
			}
			last = st
			r.Status(st)
			switch w.judge(st) {
			case success:
				return last, reached, nil
			case failure:
				return last, failed, nil
			case pending:
			}
		case <-ticker.C:
			r.Tick()
		case <-expired:
			return last, timedOut, nil
		case <-w.signals:
			return last, interrupted, nil
		}
	}
}

// settled waits for everything the apply asked for.
func settled(generation uint64) func(*banyanv1.Status) verdict {
	return func(st *banyanv1.Status) verdict {
		switch {
		case st.GetGeneration() < generation:
			return pending
		case st.GetSettled():
			return success
		case st.GetStuck():
			return failure
		}
		return pending
	}
}

func (p *program) upDetached(ctx context.Context, l launched, t target, timeout time.Duration, signals <-chan os.Signal) error {
	r := p.newReporter(p.err, false)
	st, end, err := p.wait(ctx, l.session, t, r, waiting{judge: settled(l.applied.GetGeneration()), timeout: timeout, signals: signals})
	if err != nil {
		r.Lines()
		return err
	}
	if end == reached {
		r.Lines()
		fmt.Fprintln(p.out, upMessage(st))
		if text := p.invitation(ctx, l.session, st); text != "" {
			fmt.Fprintln(p.out, text)
		}
		return nil
	}
	return p.gaveUp(r, st, end, timeout, "run `banyan up -d` again when it is mended")
}

// gaveUp says why a wait ended without what was waited for.
func (p *program) gaveUp(r *reporter, st *banyanv1.Status, end outcome, timeout time.Duration, remedy string) error {
	switch end {
	case wentDown:
		r.Lines()
		return fault.New(fault.Unavailable, "the app was brought down meanwhile")
	case interrupted:
		r.Lines()
		fmt.Fprintln(p.err, "banyan: interrupted; the app goes on in the background, `banyan ps` shows it, `banyan down` stops it")
		return exit(exitInterrupted)
	default:
	}
	r.Hide()
	if st == nil {
		return fault.New(fault.Timeout, "the daemon has told nothing for %s", view.Duration(timeout)).Fix("see daemon.log in the state directory")
	}
	for _, l := range view.Report(st, p.color) {
		fmt.Fprintln(p.err, l)
	}
	if end == timedOut {
		return fault.New(fault.Timeout, "%s after %s", notReady(st), view.Duration(timeout)).
			Fix("the daemon keeps trying, `banyan ps` shows how it goes")
	}
	return fault.New(fault.Unavailable, "%s", notReady(st)).Fix("%s", remedy)
}
