package drivertest

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/banyanrun/banyan/internal/driver"
)

func execCommand(h *harness) {
	s := h.spec("sleep")
	s.Env = append(s.Env, "SEEN=by exec")
	p := h.start(s)
	h.ready(s, "pid ")
	h.execs(p)
}

// execs runs commands beside an instance that has SEEN in its environment.
func (h *harness) execs(p driver.Process) {
	h.Helper()
	if err := p.Exec(h.Context(), []string{"true"}); err != nil {
		h.Errorf("true: %v", err)
	}
	mark := filepath.Join(h.dir, "exec-out")
	err := p.Exec(h.Context(), []string{"sh", "-c", `echo "$SEEN $(pwd)" > ` + mark + `; echo why not >&2; exit 4`})
	if err == nil || !strings.Contains(err.Error(), "exit status 4") || !strings.Contains(err.Error(), "why not") {
		h.Errorf("the error does not tell code and output: %v", err)
	}
	if b, _ := os.ReadFile(mark); string(b) != "by exec "+h.dir+"\n" {
		h.Errorf("it saw %q", b)
	}
	if err := p.Exec(h.Context(), []string{"no-such-command"}); err == nil || !strings.Contains(err.Error(), "command not found") {
		h.Errorf("a missing command: %v", err)
	}
	ctx, cancel := context.WithTimeout(h.Context(), 100*time.Millisecond)
	defer cancel()
	begin := time.Now()
	if err := p.Exec(ctx, []string{"sleep", "60"}); err == nil {
		h.Error("a command that takes too long succeeded")
	}
	if d := time.Since(begin); d > 5*time.Second {
		h.Errorf("a command that takes too long was ended after %s", d)
	}
}

func execAdopted(h *harness) {
	s := h.spec("sleep")
	s.Env = append(s.Env, "SEEN=by exec")
	id, kill := h.daemon(order{Spec: s, Start: true})
	h.Cleanup(func() { killIfLeft(id.PID) })
	h.ready(s, "pid ")
	kill()
	p, err := h.d.Adopt(h.Context(), id)
	if err != nil {
		h.Fatal(err)
	}
	h.stopLater(p)
	h.execs(p)
}

func portOwner(h *harness) {
	s := h.spec("listen", "127.0.0.1:0")
	p := h.start(s)
	port, _ := strconv.Atoi(h.ready(s, "port "))
	time.Sleep(25 * time.Millisecond) // a shared reading of the table may be 20 ms old
	listening, owner, addr, ok := p.Owns(port)
	if !ok {
		h.Skip("this driver cannot tell who owns a port")
	}
	if !listening || !owner || addr != "127.0.0.1" {
		h.Errorf("its own port: listening %v, owner %v, on %s", listening, owner, addr)
	}
	other, err := net.Listen("tcp", "0.0.0.0:0")
	if err != nil {
		h.Fatal(err)
	}
	defer other.Close()
	time.Sleep(25 * time.Millisecond)
	if listening, owner, addr, _ := p.Owns(other.Addr().(*net.TCPAddr).Port); !listening || owner {
		h.Errorf("a stranger's port: listening %v, owner %v, on %s", listening, owner, addr)
	}
	if listening, _, _, _ := p.Owns(1); listening {
		h.Error("somebody listens on port 1")
	}
}

func usage(h *harness) {
	s := h.spec("burn")
	s.Argv = append(s.Argv[:2:2], "sleep")
	p := h.start(s)
	h.ready(s, "pid ")
	u, err := p.Usage()
	if err != nil {
		h.Skip(err)
	}
	if u.Memory < 1<<20 || u.Memory > 1<<30 {
		h.Errorf("it uses %d bytes", u.Memory)
	}
}
