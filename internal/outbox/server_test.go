package outbox

import (
	"database/sql"
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

// server is the PostgreSQL server of this package's tests, which only its socket leads to.
type server struct {
	bin, dir string
	who      *syscall.Credential // PostgreSQL refuses to run as root
}

var (
	theServer *server
	getServer = sync.OnceValues(func() (*server, error) {
		s, err := newServer()
		theServer = s
		return s, err
	})
	databases int
)

var errNoServer = errors.New("PostgreSQL is not here; `apt-get install postgresql` or `brew install postgresql` gets it")

func newServer() (*server, error) {
	s := &server{}
	for _, pattern := range []string{"/usr/lib/postgresql/*/bin", "/opt/homebrew/opt/postgresql*/bin", "/usr/local/opt/postgresql*/bin", "/usr/pgsql-*/bin"} {
		if found, _ := filepath.Glob(filepath.Join(pattern, "initdb")); len(found) > 0 {
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
	dir, err := os.MkdirTemp("", "outbox") // it outlives a test, and its user must reach it
	if err != nil {
		return nil, err
	}
	s.dir = dir
	if os.Geteuid() == 0 {
		other, err := user.Lookup("postgres")
		if err != nil {
			return nil, errNoServer
		}
		uid, _ := strconv.Atoi(other.Uid)
		gid, _ := strconv.Atoi(other.Gid)
		s.who = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		if err := os.Chown(dir, uid, gid); err != nil {
			return nil, err
		}
	}
	if err := s.run("initdb", "-D", dir+"/data", "-A", "trust", "-U", "app", "--no-sync", "-E", "UTF8", "--locale=C"); err != nil {
		return nil, err
	}
	return s, s.start()
}

func (s *server) run(name string, args ...string) error {
	cmd := exec.Command(filepath.Join(s.bin, name), args...)
	cmd.Dir = s.dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.who}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", name, err, out)
	}
	return nil
}

func (s *server) start() error {
	return s.run("pg_ctl", "-D", s.dir+"/data", "-w", "-l", s.dir+"/log",
		"-o", "-c listen_addresses= -c max_connections=120 -c fsync=off -k "+s.dir, "start")
}

// stop stops the server as a crash would, sessions and all.
func (s *server) stop() error {
	return s.run("pg_ctl", "-D", s.dir+"/data", "-w", "-m", "immediate", "stop")
}

func stopServer() {
	if theServer == nil {
		return
	}
	if err := theServer.stop(); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.RemoveAll(theServer.dir)
}

// postgresServer returns the server, or skips the test where there is none.
func postgresServer(t *testing.T) *server {
	t.Helper()
	s, err := getServer()
	if errors.Is(err, errNoServer) {
		t.Skip("skipped: " + err.Error())
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// newPostgres makes a database with the tables of the docs, and returns its address.
func newPostgres(t *testing.T) (db *sql.DB, address string) {
	t.Helper()
	s := postgresServer(t)
	databases++
	name := fmt.Sprintf("test%d", databases)
	admin := connect(t, s.address("postgres"))
	run(t, admin, "CREATE DATABASE "+name)
	admin.Close()
	db = connect(t, s.address(name))
	run(t, db, fence(t, "sql postgres outbox"))
	run(t, db, fence(t, "sql postgres inbox"))
	return db, s.address(name)
}

func (s *server) address(database string) string {
	return "postgres://app@/" + database + "?host=" + s.dir
}

func connect(t *testing.T, address string) *sql.DB {
	t.Helper()
	db, err := sql.Open("pgx", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// listen makes a TCP port lead to the server's socket while the test runs.
func (s *server) listen(t *testing.T) (port int) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var relays sync.WaitGroup
	relays.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			relays.Go(func() {
				defer client.Close()
				server, err := net.Dial("unix", s.dir+"/.s.PGSQL.5432")
				if err != nil {
					t.Error(err)
					return
				}
				defer server.Close()
				relays.Go(func() { _, _ = io.Copy(client, server); client.Close() })
				_, _ = io.Copy(server, client)
			})
		}
	})
	t.Cleanup(func() { l.Close(); relays.Wait() })
	return l.Addr().(*net.TCPAddr).Port
}
