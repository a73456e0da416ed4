package export

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/banyanrun/banyan/internal/telemetry/metrics"
	"github.com/banyanrun/banyan/internal/telemetry/signal"
	"github.com/banyanrun/banyan/internal/telemetry/store"
)

// target is a Sender that does what a test says.
type target struct {
	mu     sync.Mutex
	answer func(b *Batch) (Answer, error) // nil: it takes everything
	tries  []time.Time
	sizes  []int
	got    map[string]int // texts and names that it took, and how often
	ids    map[string]string
	last   Batch
	points int
}

func (s *target) Send(ctx context.Context, b *Batch) (Answer, error) {
	s.mu.Lock()
	answer := s.answer
	s.tries, s.sizes = append(s.tries, time.Now()), append(s.sizes, b.Len())
	s.mu.Unlock()
	a, err := Answer{Bytes: 1}, error(nil)
	if answer != nil {
		a, err = answer(b)
	}
	if err == nil && ctx.Err() != nil {
		err = ctx.Err()
	}
	if err != nil {
		return a, err
	}
	again := map[int]bool{}
	for _, i := range a.Again {
		again[i] = true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.got == nil {
		s.got, s.ids = map[string]int{}, map[string]string{}
	}
	s.last, s.points = *b, s.points+len(b.Points)
	for i := range b.Logs {
		if !again[i] {
			s.got[b.Logs[i].Text]++
			s.ids[b.Logs[i].Text] = b.IDs[i]
		}
	}
	return a, nil
}

func (s *target) Close() {}

func (s *target) set(answer func(b *Batch) (Answer, error)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = answer
}

// none are metrics of which there are none.
type none struct{}

func (none) Names(context.Context, int64, int64) ([]string, error) { return nil, nil }
func (none) Samples(context.Context, string, int64, int64) ([]metrics.Stretch, error) {
	return nil, nil
}
func (none) Metadata() map[string]metrics.Metadata { return nil }
func (none) Status() metrics.Status                { return metrics.Status{} }

func replace(name string, data []byte) error { return os.WriteFile(name, data, 0o600) }

// rig is a store and what exports it.
type rig struct {
	*testing.T

	dir   string
	store *store.Store
	*Exporter
	count int
}

func newRig(t *testing.T, dir string, targets ...Target) *rig {
	t.Helper()
	r := &rig{T: t, dir: dir}
	var err error
	if r.store, err = store.Open(store.Options{Dir: dir}); err != nil {
		t.Fatal(err)
	}
	r.Exporter = New(Options{
		Records: r.store, Series: none{}, App: "shop", File: filepath.Join(dir, "export.json"), Log: slog.New(slog.DiscardHandler),
		Save: replace, Skip: func(of *signal.Resource) bool { return of.Service == "imported" },
	})
	r.Apply(targets)
	return r
}

// add keeps so many log records.
func (r *rig) add(n int) {
	r.Helper()
	logs := make([]signal.Log, n)
	for i := range logs {
		r.count++
		logs[i] = signal.Log{Time: time.Now().UnixNano(), Text: fmt.Sprint("line ", r.count), Resource: &signal.Resource{Service: "order"}}
	}
	if err := r.store.AppendLogs(logs); err != nil {
		r.Fatal(err)
	}
}

// pass lets time go by, and all that is due by then be done.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// end stops as the daemon does.
func (r *rig) end() {
	r.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	if err := errors.Join(r.Close(ctx), r.store.Close()); err != nil {
		r.Error(err)
	}
}

func to(name string, s *target, signals ...Signal) Target {
	return Target{Name: name, Key: name, Wish: name, Signals: signals, Sender: func() Sender { return s }}
}

// all checks that the lines from one to another were taken, each once.
func (r *rig) all(s *target, from, to int) {
	r.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := from; i <= to; i++ {
		if n := s.got[fmt.Sprint("line ", i)]; n != 1 {
			r.Errorf("line %d was taken %d times", i, n)
			return
		}
	}
	if len(s.got) != to-from+1 {
		r.Errorf("%d were taken of %d", len(s.got), to-from+1)
	}
}

// TestOutage: a target that is away for an hour, across a restart, gets everything
// afterwards, and is not asked more often than it should be.
func TestOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		away := func(*Batch) (Answer, error) { return Answer{}, errors.New("connection refused") }
		dir, s := t.TempDir(), &target{answer: away}
		r := newRig(t, dir, to("a", s, Logs))
		for range 30 {
			r.add(200)
			pass(time.Minute)
		}
		c := r.Counts()[0]
		if c.Waiting != 6000 || c.Err == nil || time.Since(c.Behind) < 29*time.Minute || c.Sent != 0 {
			t.Errorf("%+v", c)
		}
		r.end()
		again := newRig(t, dir, to("a", s, Logs))
		again.count = r.count
		for range 30 {
			again.add(200)
			pass(time.Minute)
		}
		if n := len(s.tries); n < 60 || n > 150 {
			t.Errorf("it was tried %d times in an hour", n)
		}
		s.set(nil)
		pass(2 * time.Minute)
		again.all(s, 1, 12_000)
		if c := again.Counts()[0]; c.Waiting != 0 || c.Err != nil || !c.Behind.IsZero() || c.Sent != 12_000 || len(c.Dropped) > 0 {
			t.Errorf("%+v", c)
		}
		again.end()
	})
}

// TestRetryAfter: what a target asks for is done, and no more than that in all.
func TestRetryAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &target{answer: func(*Batch) (Answer, error) {
			return Answer{}, &Failure{After: 100 * time.Second, Err: errors.New("503")}
		}}
		r := newRig(t, t.TempDir(), to("a", s, Logs))
		r.add(1)
		pass(310 * time.Second)
		if n := len(s.tries); n != 4 || s.tries[1].Sub(s.tries[0]) != 100*time.Second {
			t.Errorf("%v", s.tries)
		}
		s.set(func(*Batch) (Answer, error) {
			return Answer{}, &Failure{After: 1000 * time.Hour, Err: errors.New("503")}
		})
		pass(time.Hour)
		if n := len(s.tries); n < 6 || n > 9 {
			t.Errorf("%d tries", n)
		}
		r.end()
	})
}

// TestRefused: what is refused for good is counted and not sent again; what is too
// large is sent in parts; what is not taken of a batch is sent again, and no other.
func TestRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, first := &target{}, true
		s.answer = func(b *Batch) (Answer, error) {
			switch {
			case b.Logs[0].Text == "line 1" || b.Len() > 40:
				return Answer{}, &Failure{Kind: TooLarge, Err: errors.New("413")}
			case b.Logs[0].Text == "line 2": // and 3, which come with it
				return Answer{}, &Failure{Kind: Never, Err: errors.New("400")}
			case first:
				first = false
				return Answer{Refused: map[string]int{"bad": 1}, Again: []int{0, 2}}, nil
			}
			return Answer{}, nil
		}
		r := newRig(t, t.TempDir(), to("a", s, Logs))
		r.add(100)
		pass(time.Minute)
		c := r.Counts()[0]
		if c.Dropped["too large for the target"] != 1 || c.Dropped["refused by the target"] != 2 || c.Dropped["bad"] != 1 || c.Sent != 96 || c.Waiting != 0 {
			t.Errorf("%+v", c)
		}
		for text, n := range s.got {
			if n != 1 {
				t.Errorf("%s was taken %d times", text, n)
			}
		}
		r.end()
	})
}

// TestBarred: what nobody put right yet costs nothing but time.
func TestBarred(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &target{answer: func(*Batch) (Answer, error) {
			return Answer{}, &Failure{Kind: Barred, Err: errors.New("401")}
		}}
		r := newRig(t, t.TempDir(), to("a", s, Logs))
		r.add(10)
		pass(time.Hour)
		s.set(nil)
		pass(2 * time.Minute)
		r.all(s, 1, 10)
		r.end()
	})
}

// TestCircle: what this Banyan exported is not exported again, and other Banyans'
// records say where they have been.
func TestCircle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &target{}
		r := newRig(t, t.TempDir(), to("a", s, Logs))
		r.add(1)
		pass(2 * time.Second)
		mark := s.last.Logs[0].Resource.Attrs.Text(Origin)
		for i, by := range []string{mark, "other," + mark, "other", mark + "x"} {
			l := signal.Log{Text: strconv.Itoa(i), Resource: &signal.Resource{Service: "a", Attrs: signal.Attrs{{Key: Origin, Value: signal.Text(by)}}}}
			if err := r.store.AppendLogs([]signal.Log{l}); err != nil {
				t.Fatal(err)
			}
			pass(2 * time.Second)
			if by == "other" && s.last.Logs[0].Resource.Attrs.Text(Origin) != "other,"+mark {
				t.Errorf("%+v", s.last.Logs[0].Resource)
			}
		}
		if err := r.store.AppendLogs([]signal.Log{{Text: "imported", Resource: &signal.Resource{Service: "imported"}}}); err != nil {
			t.Fatal(err)
		}
		pass(2 * time.Second)
		if c := r.Counts()[0]; mark == "" || s.got["imported"] != 0 || c.Waiting != 0 || s.got["0"]+s.got["1"] != 0 || s.got["2"] != 1 || s.got["3"] != 1 || c.Dropped["it came from here"] != 2 {
			t.Errorf("%q: %v, %+v", mark, s.got, c)
		}
		r.end()
	})
}

// TestEnd: what came last is sent before the end; a target that hangs does not hold it up.
func TestEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, held := &target{}, make(chan struct{})
		hung := &target{answer: func(*Batch) (Answer, error) { <-held; return Answer{}, errors.New("late") }}
		dir := t.TempDir()
		r := newRig(t, dir, to("a", s, Logs))
		pass(1500 * time.Millisecond)
		r.add(5000)
		began := time.Now()
		r.end()
		if d := time.Since(began); d > 0 {
			t.Errorf("it took %v", d)
		}
		r.all(s, 1, 5000)
		r = newRig(t, dir, to("b", hung, Logs))
		r.add(1)
		time.AfterFunc(time.Minute, func() { close(held) })
		pass(50 * time.Second)
		r.end()
	})
}

// TestApply: a target that is new begins now, one that stays goes on whatever else
// changes, and one that was gone begins anew.
func TestApply(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := &target{}, &target{}
		r := newRig(t, t.TempDir(), to("a", a, Logs))
		r.add(10)
		pass(2 * time.Second)
		r.Apply([]Target{to("a", a, Logs), to("b", b, Logs, Traces)})
		r.add(10)
		pass(2 * time.Second)
		r.all(a, 1, 20)
		r.all(b, 11, 20)
		changed := to("a", a, Logs)
		changed.Wish = "other headers"
		r.Apply([]Target{changed})
		r.add(10)
		pass(2 * time.Second)
		r.all(a, 1, 30)
		r.all(b, 11, 20)
		r.Apply([]Target{changed, to("b", b, Logs)})
		r.add(10)
		pass(2 * time.Second)
		r.all(a, 1, 40)
		if len(b.got) != 20 || b.got["line 31"] != 1 || len(r.Counts()) != 2 {
			t.Errorf("%d, %+v", len(b.got), r.Counts())
		}
		ids := map[string]bool{}
		for _, id := range a.ids {
			ids[id] = true
		}
		if len(ids) != 40 {
			t.Errorf("40 records have %d ids", len(ids))
		}
		r.end()
	})
}
