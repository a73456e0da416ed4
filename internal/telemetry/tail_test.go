package telemetry

import (
	"strings"
	"testing"

	"github.com/banyanrun/banyan/internal/telemetry/signal"
)

// Who does not take what it follows holds no more than some memory.
func TestTailBytes(t *testing.T) {
	e := New(Options{})
	tail := e.Follow(nil)
	defer tail.Close()
	logs := []signal.Log{{Resource: service, Text: strings.Repeat("x", 1<<20)}}
	for range 10 {
		tail.add(logs)
	}
	if ready, missed := tail.Ready(); len(ready) != 4 || missed != 6 {
		t.Error(len(ready), missed)
	}
	tail.add(logs)
	if ready, missed := tail.Ready(); len(ready) != 1 || missed != 0 {
		t.Error(len(ready), missed)
	}
}
