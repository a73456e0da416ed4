package red

import (
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/telemetry/signal"
)

// A peer that nobody calls any more makes room for others.
func TestPeersAreForgotten(t *testing.T) {
	var c Clients
	c.Add([]signal.Span{{
		Kind: signal.KindClient, Resource: &signal.Resource{Service: "order"},
		Attrs: signal.Attrs{{Key: "server.address", Value: signal.Text("example.com")}},
	}})
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	if len(c.Samples(now)) == 0 || len(c.Samples(now.Add(59*time.Minute))) == 0 {
		t.Error("a peer is forgotten too soon")
	}
	if n := len(c.Samples(now.Add(time.Hour))); n != 0 || len(c.tallies.of) != 0 {
		t.Error("a peer stays")
	}
}
