package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/spf13/cobra"

	"github.com/banyanrun/banyan/internal/daemon/layout"
	banyanv1 "github.com/banyanrun/banyan/proto/banyan/v1"
)

// farewell is how long the daemon may take to exit once everything is stopped.
const farewell = 5 * time.Second

func (p *program) downCommand() *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use:   "down",
		Short: "Stop the app, in reverse order of its dependencies",
		Long:  "Stop the app's services in reverse order of their dependencies, then the data plane and the daemon.\nData, logs and secrets stay.",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return p.down(cmd.Context(), force) },
	}
	cmd.Flags().BoolVar(&force, "force", false, "do not wait for requests in flight and grace periods: kill")
	return cmd
}

func (p *program) down(ctx context.Context, force bool) error {
	t, err := p.locate("")
	if err != nil {
		return err
	}
	wasUp := up(t.Layout)
	s, st, err := p.reach(ctx, t)
	if wasUp && errors.Is(err, errNotRunning) { // it was on its way down
		fmt.Fprintln(p.out, t.Dir()+" is down")
		return nil
	}
	if err != nil {
		return err
	}
	defer s.close()
	signals, stop := p.signals()
	defer stop()
	r := p.newReporter(p.err, false)
	r.From(st)
	r.GoingDown()
	f := p.follow(ctx, s, t)
	defer f.close()
	done := make(chan error, 1)
	go func() { done <- p.stopAll(ctx, s, t, force) }()
	ticker := time.NewTicker(frameTime)
	defer ticker.Stop()
	statuses := f.Statuses
	for {
		select {
		case st, ok := <-statuses:
			if ok {
				r.Status(st)
			} else {
				statuses = nil
			}
		case <-ticker.C:
			r.Tick()
		case err := <-done:
			if err != nil && (!gone(err) || up(t.Layout)) {
				r.Lines()
				return err
			}
			r.Stopped()
			r.Lines()
			fmt.Fprintln(p.out, st.GetApp()+" is down")
			return nil
		case <-signals:
			r.Lines()
			fmt.Fprintln(p.err, "banyan: interrupted; the app goes on stopping, `banyan down --force` kills it")
			return exit(exitInterrupted)
		}
	}
}

// stopAll asks the daemon to stop everything and waits until it is gone too. If
// it dies on the way the next one is asked.
func (p *program) stopAll(ctx context.Context, s *session, t target, force bool) error {
	const tries = 3
	err := stop(ctx, s, t.Layout, force)
	for n := 1; n < tries && err != nil && gone(err) && up(t.Layout); n++ {
		next, failed := p.attach(ctx, t)
		if errors.Is(failed, errNotRunning) {
			return nil
		}
		if failed != nil {
			return failed
		}
		err = stop(ctx, next, t.Layout, force)
		next.close()
	}
	return err
}

func stop(ctx context.Context, s *session, l layout.Layout, force bool) error {
	if _, err := s.Down(ctx, &banyanv1.DownRequest{Force: force}); err != nil {
		return err
	}
	conn, err := net.DialTimeout("unix", l.ControlSocket, farewell)
	if err != nil {
		return nil // it was quicker
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetReadDeadline(time.Now().Add(farewell)); err != nil {
		return err
	}
	_, _ = io.Copy(io.Discard, conn) // it ends with the daemon, or after the farewell
	return nil
}
