package journal

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/banyanrun/banyan/internal/bus/engine"
	"github.com/banyanrun/banyan/internal/bus/journal/fsystest"
)

// While a disk hangs, callers can give up, what waits is bounded, and Close
// stores what was being stored.
func TestHangingDisk(t *testing.T) {
	disk := fsystest.New(1)
	j := New(Config{Dir: "/bus", FS: disk})
	defer j.Close()
	if err := j.Ensure(t.Context(), []engine.Topic{{Name: testTopic}}); err != nil {
		t.Fatal(err)
	}
	if err := put(j, 1); err != nil {
		t.Fatal(err)
	}
	hangs, goesOn := make(chan struct{}), make(chan struct{})
	var once sync.Once
	disk.Fail(func(op fsystest.Op, _ string, _ int) error {
		if op == fsystest.Sync {
			once.Do(func() { close(hangs) })
			<-goesOn
		}
		return nil
	})
	large := make([]engine.Record, 7)
	for i := range large {
		large[i].Data = make([]byte, 1<<20)
	}
	ctx, cancel := context.WithCancel(t.Context())
	results := make(chan error, 12)
	for range cap(results) {
		go func() {
			_, err := j.Publish(ctx, testTopic, large)
			results <- err
		}()
	}
	<-hangs
	for range 3 { // 9 calls of 7 MiB are 64 MiB
		if err := <-results; !errors.Is(err, engine.ErrBusy) {
			t.Errorf("what is too much is answered by %v", err)
		}
	}
	cancel()
	for range 9 {
		if err := <-results; !errors.Is(err, context.Canceled) {
			t.Errorf("who gave up is answered by %v", err)
		}
	}
	close(goesOn)
	if err := put(j, 2); err != nil {
		t.Error(err)
	}
}
