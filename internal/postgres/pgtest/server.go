package pgtest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"testing"
)

// Variable names the environment variable with the directory of the programs to
// use, to test with a certain version.
const Variable = "BANYAN_POSTGRES_BIN"

// Server is a PostgreSQL server that tests may do with as they like.
type Server struct {
	bin, dir string
	who      *syscall.Credential // PostgreSQL refuses to run as root
}

var (
	shared    *Server
	getShared = sync.OnceValues(func() (*Server, error) {
		s, err := newServer()
		shared = s
		return s, err
	})
)

var errNoServer = errors.New("PostgreSQL is not here; `apt-get install postgresql` or `brew install postgresql` gets it")

// Shared returns the test binary's server, or skips the test where PostgreSQL is
// not installed. TestMain must call Stop.
func Shared(tb testing.TB) *Server {
	tb.Helper()
	s, err := getShared()
	if errors.Is(err, errNoServer) {
		tb.Skip("skipped: " + err.Error())
	}
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// Stop ends the server of Shared, if there is one, and removes what it leaves.
func Stop() {
	if shared == nil {
		return
	}
	if err := shared.Crash(); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	_ = os.RemoveAll(shared.dir)
}

// hba is who may connect, and how.
const hba = "local all app trust\nlocal all all scram-sha-256\n"

func newServer() (*Server, error) {
	s := &Server{bin: os.Getenv(Variable)}
	for _, pattern := range []string{"/usr/lib/postgresql/*/bin", "/opt/homebrew/opt/postgresql*/bin", "/usr/local/opt/postgresql*/bin", "/usr/pgsql-*/bin"} {
		if found, _ := filepath.Glob(filepath.Join(pattern, "initdb")); s.bin == "" && len(found) > 0 {
			s.bin = filepath.Dir(slices.Max(found))
		}
	}
	if s.bin == "" {
		found, err := exec.LookPath("initdb")
		if err != nil {
			return nil, errNoServer
		}
		s.bin = filepath.Dir(found)
	}
	dir, err := os.MkdirTemp("", "pgtest") // it outlives a test, and its user must reach it
	if err != nil {
		return nil, err
	}
	s.dir = dir
	if os.Geteuid() == 0 {
		if err := s.become("postgres"); err != nil {
			return nil, err
		}
	}
	if err := s.run("initdb", "-D", dir+"/data", "-A", "trust", "-U", "app", "--no-sync", "-E", "UTF8", "--locale=C"); err != nil {
		return nil, err
	}
	if err := os.WriteFile(dir+"/data/pg_hba.conf", []byte(hba), 0o600); err != nil {
		return nil, err
	}
	return s, s.Start()
}

// become makes the server run as another user, whose its directory is then.
func (s *Server) become(name string) error {
	other, err := user.Lookup(name)
	if err != nil {
		return errNoServer
	}
	uid, _ := strconv.Atoi(other.Uid)
	gid, _ := strconv.Atoi(other.Gid)
	s.who = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return os.Chown(s.dir, uid, gid)
}

func (s *Server) run(name string, args ...string) error {
	cmd := exec.CommandContext(context.Background(), filepath.Join(s.bin, name), args...)
	cmd.Dir = s.dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.who}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", name, err, out)
	}
	return nil
}

// Start starts the server after Crash.
func (s *Server) Start() error {
	return s.run("pg_ctl", "-D", s.dir+"/data", "-w", "-l", s.dir+"/log",
		"-o", "-c listen_addresses= -c max_connections=120 -c fsync=off -c log_statement=ddl -k "+s.dir, "start")
}

// Crash stops the server as a crash would, sessions and all.
func (s *Server) Crash() error {
	return s.run("pg_ctl", "-D", s.dir+"/data", "-w", "-m", "immediate", "stop")
}

// URL is the address of a database for the superuser.
func (s *Server) URL(database string) string {
	return "postgres://app@/" + database + "?host=" + s.dir
}

// Bin is the directory of the server's programs, psql among them.
func (s *Server) Bin() string { return s.bin }

// Log returns what the server logged; every statement that defines something is in it.
func (s *Server) Log(tb testing.TB) string {
	tb.Helper()
	text, err := os.ReadFile(s.dir + "/log")
	if err != nil {
		tb.Fatal(err)
	}
	return string(text)
}

// Listen makes a TCP port of 127.0.0.1 lead to the server while the test runs.
func (s *Server) Listen(tb testing.TB) (port int) {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	var relays sync.WaitGroup
	ended := make(chan struct{})
	relays.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			relays.Go(func() { s.relay(client, ended) })
		}
	})
	tb.Cleanup(func() { close(ended); _ = l.Close(); relays.Wait() })
	_, text, err := net.SplitHostPort(l.Addr().String())
	if err == nil {
		port, err = strconv.Atoi(text)
	}
	if err != nil {
		tb.Fatal(err)
	}
	return port
}

// relay carries bytes until one side ends, or ended is closed.
func (s *Server) relay(client net.Conn, ended <-chan struct{}) {
	defer client.Close()
	var dialer net.Dialer
	server, err := dialer.DialContext(context.Background(), "unix", s.dir+"/.s.PGSQL.5432")
	if err != nil {
		return // it is not there now: the client sees a connection that ends
	}
	defer server.Close()
	done := make(chan struct{}, 2)
	var halves sync.WaitGroup
	for _, half := range [][2]net.Conn{{client, server}, {server, client}} {
		halves.Go(func() { _, _ = io.Copy(half[0], half[1]); done <- struct{}{} })
	}
	select {
	case <-done:
	case <-ended:
	}
	client.Close()
	server.Close()
	halves.Wait()
}
