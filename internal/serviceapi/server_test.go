package serviceapi

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/cloudevent"
)

// slow is a Publisher that takes until it is let go.
type slow struct{ begun, done chan struct{} }

func (s *slow) Publish(ctx context.Context, _, _ string, _ []cloudevent.Event) ([]Result, error) {
	s.begun <- struct{}{}
	select {
	case <-s.done:
		return []Result{{ID: "1"}}, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// TestServe: the socket is private, and the end lets what is in flight finish.
func TestServe(t *testing.T) {
	dir, err := os.MkdirTemp("", "a") //nolint:usetesting // t.TempDir is too long for a unix socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	path := filepath.Join(dir, "service.sock")
	ctx, end := context.WithCancel(t.Context())
	publisher := &slow{begun: make(chan struct{}), done: make(chan struct{})}
	ended := make(chan error, 1)
	go func() { ended <- Serve(ctx, path, Config{Publisher: publisher, Log: slog.New(slog.DiscardHandler)}) }()
	var d net.Dialer
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		for {
			c, err := d.DialContext(ctx, "unix", path)
			if err == nil || ctx.Err() != nil {
				return c, err
			}
			<-time.After(time.Millisecond) // it begins to listen soon
		}
	}}
	defer transport.CloseIdleConnections()
	answered := make(chan int, 1)
	go func() {
		req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://banyan"+topicPath, strings.NewReader("1"))
		req.Header.Set("Banyan-Caller", "order")
		req.Header.Set("Content-Type", "application/json")
		res, err := (&http.Client{Transport: transport}).Do(req)
		if err != nil {
			t.Error(err)
			answered <- 0
			return
		}
		_ = res.Body.Close()
		answered <- res.StatusCode
	}()
	<-publisher.begun
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	end()
	for { // until it listens no more
		c, err := d.DialContext(t.Context(), "unix", path)
		if err != nil {
			break
		}
		_ = c.Close()
	}
	close(publisher.done)
	if status := <-answered; status != http.StatusCreated {
		t.Errorf("status %d", status)
	}
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestServeWhereItCannot(t *testing.T) {
	err := Serve(t.Context(), filepath.Join(t.TempDir(), "missing", "service.sock"), Config{Log: slog.New(slog.DiscardHandler)})
	if err == nil || !strings.Contains(err.Error(), "service.sock") {
		t.Error(err)
	}
}
