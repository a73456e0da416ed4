package nats

import (
	"bufio"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/bus/engine"
)

var slogDiscard = slog.New(slog.DiscardHandler)

// server is a nats-server whose disk outlives it. More lines of its
// configuration may be given.
type server struct {
	testing.TB
	binary, config, url string
	app                 string // for the engines to come
	process             *exec.Cmd
}

func newServer(tb testing.TB, more ...string) *server {
	tb.Helper()
	s := &server{TB: tb, binary: binary(tb), app: "shop"}
	addr, dir := freeAddr(tb), tb.TempDir()
	s.url, s.config = "nats://"+addr, filepath.Join(dir, "nats.conf")
	lines := append([]string{ // what comes later counts
		"listen: " + addr, "max_payload: 2MB", fmt.Sprintf("jetstream {store_dir: %q, sync_interval: always}", dir),
	}, more...)
	if err := os.WriteFile(s.config, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
		tb.Fatal(err)
	}
	s.start()
	tb.Cleanup(s.kill)
	return s
}

// freeAddr returns an address that was free a moment ago: the server must come back to it.
func freeAddr(tb testing.TB) string {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	if err := l.Close(); err != nil {
		tb.Fatal(err)
	}
	return l.Addr().String()
}

// binary finds nats-server, or skips the test.
func binary(tb testing.TB) string {
	tb.Helper()
	path, err := filepath.Abs("../../../bin/nats-server")
	if err == nil {
		_, err = os.Stat(path)
	}
	if err != nil {
		if path, err = exec.LookPath("nats-server"); err != nil {
			tb.Skip("skipped: there is no nats-server here (make nats-server builds it)")
		}
	}
	return path
}

// start returns when the server takes connections.
func (s *server) start() {
	s.Helper()
	s.process = exec.Command(s.binary, "-c", s.config)
	log, err := s.process.StderrPipe()
	if err != nil {
		s.Fatal(err)
	}
	if err := s.process.Start(); err != nil {
		s.Fatal(err)
	}
	var all []string
	for lines := bufio.NewScanner(log); lines.Scan(); {
		if strings.Contains(lines.Text(), "Server is ready") {
			go func() {
				for lines.Scan() { // so that it never waits for us
				}
			}()
			return
		}
		all = append(all, lines.Text())
	}
	s.Fatalf("nats-server does not start:\n%s", strings.Join(all, "\n"))
}

// kill is kill -9.
func (s *server) kill() {
	_ = s.process.Process.Kill()
	_ = s.process.Wait()
}

func (s *server) engine() *Engine {
	s.Helper()
	e, err := Open(Config{URL: s.url, App: s.app, Dedup: 24 * time.Hour, Logger: slogDiscard})
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { e.Close() })
	return e
}

func (s *server) crash(e engine.Engine) {
	s.kill()
	_ = e.Close()
	s.start()
}
