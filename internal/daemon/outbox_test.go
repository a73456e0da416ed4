package daemon

import (
	"log/slog"
	"path/filepath"
	"testing"

	"github.com/banyanrun/banyan/internal/bus"
	"github.com/banyanrun/banyan/internal/bus/journal"
	"github.com/banyanrun/banyan/internal/bus/progress"
	"github.com/banyanrun/banyan/internal/cloudevent"
)

// TestRelayedLeavesOut: one event that the bus never takes keeps no other from
// being published, and a service that may not publish is told so for each.
func TestRelayedLeavesOut(t *testing.T) {
	ctx := t.Context()
	store, err := progress.Open(ctx, filepath.Join(t.TempDir(), "bus.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	engine := journal.New(journal.Config{Dir: t.TempDir()})
	defer engine.Close()
	b := bus.New(bus.Options{Engine: engine, Progress: store, Address: func(string) (string, bool) { return "", false }, Logger: slog.New(slog.DiscardHandler)})
	if err := b.Configure(ctx, bus.Spec{
		Topics: map[string]bus.Topic{"placed": {MaxEvent: 4}}, Publishes: map[string][]string{"order": {"placed"}},
	}); err != nil {
		t.Fatal(err)
	}
	var events []cloudevent.Event
	for _, data := range []string{"1", "12345", "2", "67890"} {
		events = append(events, cloudevent.Event{Data: []byte(data)})
	}
	never, err := relayed{b}.Publish(ctx, "order", "placed", events)
	if err != nil || len(never) != 4 || never[0] != nil || never[1] == nil || never[2] != nil || never[3] == nil {
		t.Errorf("%v, %v", never, err)
	}
	if n := stored(t, b, "placed"); n != 2 {
		t.Errorf("%d events are stored", n)
	}
	never, err = relayed{b}.Publish(ctx, "stranger", "placed", events[:2])
	if err != nil || len(never) != 2 || never[0] == nil || never[1] == nil {
		t.Errorf("%v, %v", never, err)
	}
}

func stored(t *testing.T, b *bus.Bus, topic string) int {
	t.Helper()
	n := 0
	if err := b.Tail(t.Context(), topic, "all", false, func(bus.Tailed) error { n++; return nil }); err != nil {
		t.Fatal(err)
	}
	return n
}
