package cli

import (
	"context"
	"os"
	"testing"
)

// TestExecFirst: exec runs before flags, app files or commands are looked at.
func TestExecFirst(t *testing.T) {
	defer func(args []string) { os.Args = args }(os.Args)
	os.Args = []string{"banyan", "exec", "--anything"}
	if code := Main(Entrypoints{Exec: func() int { return 42 }}); code != 42 {
		t.Errorf("exit code %d", code)
	}
}

func TestHiddenCommands(t *testing.T) {
	r := newRun(t, false)
	var daemon DaemonOptions
	var proxy ProxyOptions
	r.p.entry = Entrypoints{
		Daemon: func(_ context.Context, o DaemonOptions) error { daemon = o; return nil },
		Proxy:  func(_ context.Context, o ProxyOptions) error { proxy = o; return nil },
	}
	r.start("daemon", "--state-dir", "s", "--adopt")
	r.exits(exitOK)
	if daemon.StateDir != r.dir+"/s" || !daemon.Adopt || daemon.Version == "" {
		t.Errorf("daemon got %+v", daemon)
	}
	r.p.flags.stateDir = ""
	r.start("proxy", "--socket", "/run/p.sock")
	r.exits(exitOK)
	if proxy.Socket != "/run/p.sock" || proxy.StateDir != "" || proxy.Version == "" {
		t.Errorf("proxy got %+v", proxy)
	}
	r.start("daemon")
	r.exits(exitUsage)
	r.sees(r.err, "--state-dir is missing")
}
