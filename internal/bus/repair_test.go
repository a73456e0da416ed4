package bus

import (
	"bytes"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/bus/engine"
	"github.com/banyanrun/banyan/internal/bus/journal"
	"github.com/banyanrun/banyan/internal/cloudevent"
	"github.com/banyanrun/banyan/internal/fault"
)

// damagedRig is a bus with a journal of which event a:3 of five is damaged, found
// when it was opened; mail had the first.
func damagedRig(t *testing.T) (*rig, string) {
	t.Helper()
	dir := t.TempDir()
	r := &rig{t: t, engine: journal.New(journal.Config{Dir: dir}), path: filepath.Join(t.TempDir(), "bus.db"), service: newService(t)}
	r.start(simple())
	t.Cleanup(r.stop)
	r.publish("t", "a:1")
	r.service.wait(t, 1)
	r.eventually("it is delivered", func() bool { return r.sub().Lag == 0 })
	if err := r.Pause(t.Context(), "t", "mail"); err != nil {
		t.Fatal(err)
	}
	for _, e := range []string{"a:2", "a:3", "a:4", "a:5"} {
		r.publish("t", e)
	}
	r.stop()
	if err := r.engine.Close(); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, "t", "00000001.seg")
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(data, []byte(`{"of":"a:3"}`))
	data[at+7] ^= 1
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
	r.engine = journal.New(journal.Config{Dir: dir})
	t.Cleanup(func() { _ = r.engine.Close() })
	r.start(simple())
	if err := r.Resume(t.Context(), "t", "mail"); err != nil {
		t.Fatal(err)
	}
	return r, dir
}

func idsOf(list []delivered) []string {
	var ids []string
	for _, d := range list {
		ids = append(ids, d.id())
	}
	return ids
}

// A person gives up what is damaged: what lies behind it is delivered, and what
// was lost is counted.
func TestSkip(t *testing.T) {
	r, _ := damagedRig(t)
	r.service.wait(t, 2)
	if s := r.topic(); s.Health != engine.Stopped {
		t.Fatalf("%+v", s)
	}
	found, err := r.Damage(t.Context(), "t")
	if err != nil || found.Count != 1 || found.First != "3" || found.Last != "3" || found.Missed["mail"] != 1 || found.Left != "" {
		t.Fatalf("%+v, %v", found, err)
	}
	if _, err := r.Skip(t.Context(), "t", 2); fault.CodeOf(err) != fault.Conflict {
		t.Errorf("another number: %v", err)
	}
	if done, err := r.Skip(t.Context(), "t", 1); err != nil || done.Count != 1 || done.Missed["mail"] != 1 || done.Left != "" {
		t.Fatalf("%+v, %v", done, err)
	}
	if got := idsOf(r.service.wait(t, 4)); !slices.Equal(got, []string{"1", "2", "4", "5"}) {
		t.Errorf("%v", got)
	}
	r.eventually("it is counted", func() bool { s := r.sub(); return s.Lost == 1 && s.Lag == 0 })
	if got := r.publish("t", "a:6"); got[0].Sequence != "6" {
		t.Errorf("%+v", got)
	}
	r.service.wait(t, 5)
	if _, err := r.Damage(t.Context(), "t"); fault.CodeOf(err) != fault.Conflict {
		t.Errorf("of a topic that is whole: %v", err)
	}
}

// A damaged topic begins anew alone; sequences and subscriptions go on behind what was.
func TestBeginAnew(t *testing.T) {
	r, dir := damagedRig(t)
	r.service.wait(t, 2)
	done, err := r.BeginAnew(t.Context(), "t")
	if err != nil || done.Last != "5" || done.Missed["mail"] != 3 || !strings.HasPrefix(done.Moved, filepath.Join(dir, "t~")) {
		t.Fatalf("%+v, %v", done, err)
	}
	if got := r.publish("t", "a:3"); got[0].Sequence != "6" || got[0].Duplicate {
		t.Errorf("%+v", got)
	}
	if got := idsOf(r.service.wait(t, 3)); !slices.Equal(got, []string{"1", "2", "3"}) {
		t.Errorf("%v", got)
	}
	r.eventually("it is counted", func() bool { return r.sub().Lost == 3 })
	if _, err := r.BeginAnew(t.Context(), "t"); fault.CodeOf(err) != fault.Conflict {
		t.Errorf("a topic that is whole began anew: %v", err)
	}
}

// A topic of which the bus knows nothing any more begins anew, too.
func TestBeginAnewWithoutTheStore(t *testing.T) {
	r := newRig(t, simple())
	dir := t.TempDir()
	r.stop()
	r.engine = journal.New(journal.Config{Dir: dir})
	t.Cleanup(func() { _ = r.engine.Close() })
	r.start(simple())
	r.publish("t", "a:1", "a:2")
	r.service.wait(t, 2)
	r.stop()
	_ = r.engine.Close()
	for _, name := range []string{r.path, r.path + "-wal", r.path + "-shm"} {
		if err := os.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
	}
	r.engine = journal.New(journal.Config{Dir: dir})
	t.Cleanup(func() { _ = r.engine.Close() })
	r.start(simple())
	if s := r.topic(); s.Health != engine.Stopped {
		t.Fatalf("%+v", s)
	}
	if _, err := r.Damage(t.Context(), "t"); fault.CodeOf(err) != fault.Conflict {
		t.Errorf("%v", err)
	}
	if done, err := r.BeginAnew(t.Context(), "t"); err != nil || done.Count != 2 {
		t.Fatalf("%+v, %v", done, err)
	}
	if got := r.publish("t", "a:3"); got[0].Sequence != "3" {
		t.Errorf("%+v", got)
	}
	if got := r.service.wait(t, 3)[2]; got.id() != "3" {
		t.Errorf("%v", got)
	}
}

// An engine outside is repaired outside.
func TestRepairOfABroker(t *testing.T) {
	r := newRig(t, simple())
	_, damage := r.Damage(t.Context(), "t")
	_, anew := r.BeginAnew(t.Context(), "t")
	if fault.CodeOf(damage) != fault.Invalid || fault.CodeOf(anew) != fault.Invalid {
		t.Errorf("%v, %v", damage, anew)
	}
}

// Nothing is delivered to a subscription that is paused: no replay, no redrive.
func TestPausedGetsNoReplay(t *testing.T) {
	r := newRig(t, simple())
	r.publish("t", "a:1", "a:2")
	r.service.wait(t, 2)
	if err := r.Pause(t.Context(), "t", "mail"); err != nil {
		t.Fatal(err)
	}
	_, replay := r.Replay(t.Context(), "t", "mail", "", "")
	_, redrive := r.Redrive(t.Context(), "t", "mail", nil)
	if fault.CodeOf(replay) != fault.Conflict || fault.CodeOf(redrive) != fault.Conflict {
		t.Errorf("%v, %v", replay, redrive)
	}
	if err := r.Resume(t.Context(), "t", "mail"); err != nil {
		t.Fatal(err)
	}
	hold := make(chan struct{})
	r.service.answers(func(w http.ResponseWriter, d delivered) {
		if d.header.Get("Banyan-Replay") != "" {
			<-hold
		}
		w.WriteHeader(http.StatusNoContent)
	})
	ended := make(chan error, 1)
	go func() {
		_, err := r.Replay(t.Context(), "t", "mail", "", "")
		ended <- err
	}()
	r.eventually("it began", func() bool {
		r.mu.RLock()
		defer r.mu.RUnlock()
		return len(r.jobs) == 1
	})
	if err := r.Pause(t.Context(), "t", "mail"); err != nil {
		t.Fatal(err)
	}
	close(hold)
	if err := <-ended; fault.CodeOf(err) != fault.Conflict {
		t.Errorf("a replay under way: %v", err)
	}
}

func TestReversedReplay(t *testing.T) {
	r := newRig(t, simple())
	r.publish("t", "a:1", "a:2", "a:3")
	r.service.wait(t, 3)
	noon, later := time.Now().UTC().Format(time.RFC3339), time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	for _, c := range []struct {
		from, until string
		code        fault.Code
	}{
		{"3", "2", fault.Invalid}, {later, noon, fault.Invalid}, {noon, noon, fault.Invalid}, {"3", "3", ""}, {"3", noon, ""}, {noon, later, ""},
	} {
		if _, err := r.Replay(t.Context(), "t", "mail", c.from, c.until); fault.CodeOf(err) != c.code {
			t.Errorf("from %s until %s: %v", c.from, c.until, err)
		}
	}
}

// A subscription that is no longer there still says how far behind it is.
func TestOrphanLag(t *testing.T) {
	r := newRig(t, simple())
	r.publish("t", "a:1")
	r.service.wait(t, 1)
	r.eventually("it is delivered", func() bool { return r.sub().Lag == 0 })
	spec := simple()
	spec.Subscriptions = nil
	if err := r.Configure(t.Context(), spec); err != nil {
		t.Fatal(err)
	}
	r.publish("t", "a:2", "a:3")
	if s := r.sub(); s.State != "orphaned" || s.Lag != 2 || s.Oldest.IsZero() {
		t.Errorf("%+v", s)
	}
}

func TestDrop(t *testing.T) {
	r := newRig(t, simple())
	r.service.answers(status(500))
	r.publish("t", "a:1", "b:2", "c:3")
	r.eventually("all are dead letters", func() bool { return r.sub().Dead == 3 })
	letters, err := r.ListDead(t.Context(), "t", "", 0, 10)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := r.DropDead(t.Context(), "t", "", letters[0].N); err != nil || n != 1 || r.sub().Dead != 2 {
		t.Errorf("%d, %v", n, err)
	}
	if n, err := r.DropDead(t.Context(), "t", "", letters[0].N); fault.CodeOf(err) != fault.NotFound {
		t.Errorf("%d, %v", n, err)
	}
	if n, err := r.DropDead(t.Context(), "t", "other", 0); err != nil || n != 0 {
		t.Errorf("%d, %v", n, err)
	}
	if n, err := r.DropDead(t.Context(), "t", "mail", 0); err != nil || n != 2 || r.sub().Dead != 0 {
		t.Errorf("%d, %v", n, err)
	}

	for _, e := range makeEvents("a:7", "a:8", "a:9") {
		e.Set(DeliverAt, time.Now().Add(time.Hour).UTC().Format(time.RFC3339))
		if _, err := r.Publish(t.Context(), "shop", "t", []cloudevent.Event{e}); err != nil {
			t.Fatal(err)
		}
	}
	waiting, err := r.ListDelayed(t.Context(), "t", 0, 2)
	if err != nil || len(waiting) != 2 {
		t.Fatalf("%v, %v", waiting, err)
	}
	if n, err := r.DropDelayed(t.Context(), "t", waiting[1].N); err != nil || n != 1 || r.topic().Delayed != 2 {
		t.Errorf("%d, %v", n, err)
	}
	if n, err := r.DropDelayed(t.Context(), "t", waiting[1].N); fault.CodeOf(err) != fault.NotFound {
		t.Errorf("%d, %v", n, err)
	}
	if n, err := r.DropDelayed(t.Context(), "t", 0); err != nil || n != 2 || r.topic().Delayed != 0 || r.delayed.Load() != 0 {
		t.Errorf("%d, %v", n, err)
	}
}
