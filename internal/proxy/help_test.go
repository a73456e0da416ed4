package proxy

import (
	"net"
	"slices"
	"testing"

	"github.com/banyanrun/banyan/internal/route"
)

func mustListen(tb testing.TB) net.Listener {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = l.Close() })
	return l
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
