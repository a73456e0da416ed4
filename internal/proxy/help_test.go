package proxy

import (
	"net"
	"os"
	"slices"
	"testing"

	"github.com/banyanrun/banyan/internal/link"
	"github.com/banyanrun/banyan/internal/route"
)

// isLong skips a test that takes long, for the reason given, unless the whole is wanted.
func isLong(t *testing.T, why string) {
	t.Helper()
	if os.Getenv("BANYAN_E2E") != "full" {
		t.Skip("skipped: it " + why + " (make e2e runs it)")
	}
}

func mustListen(tb testing.TB) net.Listener {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = l.Close() })
	return l
}

// mustHold listens on a port of its own, for an engine to accept on.
func mustHold(tb testing.TB) *link.Socket {
	tb.Helper()
	l := mustListen(tb)
	defer l.Close()
	sock, err := link.SocketOf(l)
	if err != nil {
		tb.Fatal(err)
	}
	return sock
}

// pairs is a service's instances as rig.service takes them.
func pairs(s *route.Service) []string {
	var list []string
	if s != nil {
		for _, i := range s.Instances {
			list = append(list, i.ID, i.Addr)
		}
	}
	return list
}

func without(list []string, id string) []string {
	i := slices.Index(list, id)
	return slices.Delete(slices.Clone(list), i, i+2)
}

func contains(list []string, s string) bool { return slices.Contains(list, s) }
