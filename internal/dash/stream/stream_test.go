package stream

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/banyanrun/banyan/internal/fault"
	banyanv1 "github.com/banyanrun/banyan/proto/banyan/v1"
)

func TestStates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, b := newWorld(nil), &browser{}
		w.run(t)
		advance(time.Minute)
		if n := w.questions(); n != 0 {
			t.Errorf("%d times asked while nobody listens", n)
		}
		_, leave := w.open(t, b, "", "status")
		advance(10 * time.Millisecond)
		if !hello(b) {
			t.Error("no hello")
		}
		w.set("2")
		advance(100 * time.Millisecond)
		w.set("3")
		advance(2 * time.Second)
		b.saw(t, "status 3") // two within a second are one
		w.set("3")
		advance(2 * time.Second)
		b.saw(t) // nothing is new
		leave()
		asked := w.questions()
		w.set("4")
		advance(time.Minute)
		if w.questions() != asked {
			t.Error("asked though nobody listens")
		}
		_, leave = w.open(t, b, "boot.1", "status")
		advance(100 * time.Millisecond)
		if got := b.events(); len(got) != 2 || got[1] != "status 4" {
			t.Errorf("%q", got)
		}
		leave()
	})
}

func TestReconnect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, other, b := newWorld(nil), &browser{}, &browser{}
		w.run(t)
		_, leave := w.open(t, other, "", "rates")
		defer leave()
		advance(4500 * time.Millisecond) // five events
		_, away := w.open(t, b, "", "rates")
		advance(100 * time.Millisecond)
		got := b.events()
		if strings.Join(got[1:], ",") != "rates 3,rates 4,rates 5" {
			t.Errorf("at first: %q", got)
		}
		away()
		advance(time.Second)
		_, away = w.open(t, b, "boot.5", "rates")
		advance(100 * time.Millisecond)
		if got := b.events(); len(got) != 2 || got[1] != "rates 6" {
			t.Errorf("again: %q", got)
		}
		away()
		_, away = w.open(t, b, "another.5", "rates")
		advance(100 * time.Millisecond)
		if got := b.events(); len(got) != 4 {
			t.Errorf("after another daemon: %q", got)
		}
		away()
	})
}

func TestSlowBrowser(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, b := newWorld(nil), &browser{}
		w.run(t)
		_, leave := w.open(t, b, "", "status", "rates")
		advance(100 * time.Millisecond)
		b.events()
		release := b.block()
		for i := range 400 {
			w.set(fmt.Sprint("s", i))
			advance(time.Second)
		}
		synctest.Wait()
		w.hub.mu.Lock()
		for _, l := range w.hub.listeners {
			if len(l.queue) > mostQueued {
				t.Errorf("%d wait", len(l.queue))
			}
		}
		w.hub.mu.Unlock()
		release()
		advance(100 * time.Millisecond)
		got := b.events()
		states, missed := 0, ""
		for _, e := range got {
			if strings.HasPrefix(e, "status") {
				states++
			}
			if strings.HasPrefix(e, "missed") {
				missed = e
			}
		}
		if states > 2 || !strings.Contains(missed, `{"kinds":{"rates":`) || len(got) > mostQueued+3 {
			t.Errorf("%d states, %d events, %q", states, len(got), missed)
		}
		leave()
	})
}

func TestKindsChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, b := newWorld(nil), &browser{}
		w.run(t)
		id, leave := w.open(t, b, "", "status")
		advance(100 * time.Millisecond)
		b.events()
		if err := w.hub.Change(id, "session", Change{Kinds: []string{"rates"}}); err != nil {
			t.Fatal(err)
		}
		w.set("2")
		advance(1500 * time.Millisecond)
		b.saw(t, "rates 1", "rates 2")
		for _, c := range []struct {
			id, session string
			change      Change
			want        fault.Code
		}{
			{"nothing", "session", Change{}, fault.NotFound},
			{id, "another's", Change{}, fault.NotFound},
			{id, "session", Change{Kinds: []string{"logs"}}, fault.Invalid},
			{id, "session", Change{SetLogs: true, Logs: &Logs{}}, fault.Unavailable},
			{id, "session", Change{SetLogs: true, Logs: &Logs{Last: 2000}}, fault.Invalid},
		} {
			if err := w.hub.Change(c.id, c.session, c.change); fault.CodeOf(err) != c.want {
				t.Errorf("%+v: %v", c, err)
			}
		}
		leave()
		if err := w.hub.Change(id, "session", Change{}); fault.CodeOf(err) != fault.NotFound {
			t.Errorf("after its end: %v", err)
		}
	})
}

func TestLogs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		records := make(chan string)
		running := 0
		tail := func(filter string, last int) (func(context.Context, func(*banyanv1.TailLogsResponse) error) error, error) {
			if filter == "(" {
				return nil, fault.New(fault.Invalid, "there is no )")
			}
			return func(ctx context.Context, send func(*banyanv1.TailLogsResponse) error) error {
				running++
				defer func() { running-- }()
				for {
					select {
					case text := <-records:
						if err := send(&banyanv1.TailLogsResponse{Logs: []*banyanv1.LogEntry{{Text: filter + text}}}); err != nil {
							return err
						}
					case <-ctx.Done():
						return ctx.Err()
					}
				}
			}, nil
		}
		w, b := newWorld(tail), &browser{}
		w.run(t)
		id, leave := w.open(t, b, "")
		b.events()
		set := func(l *Logs) error { return w.hub.Change(id, "session", Change{SetLogs: true, Logs: l}) }
		if err := set(&Logs{Filter: "("}); fault.CodeOf(err) != fault.Invalid {
			t.Errorf("%v", err)
		}
		if err := errors.Join(set(&Logs{Filter: "a"}), set(&Logs{Filter: "b"})); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if running != 1 {
			t.Errorf("%d tails run", running)
		}
		advance(time.Second)
		synctest.Wait()
		records <- "1"
		records <- "2"
		advance(time.Second)
		b.saw(t, `logs {"entries":[{"text":"b1"},{"text":"b2"}],"missed":0}`)
		release := b.block()
		for i := range queuedLogs + mostEntries {
			records <- strconv.Itoa(i)
			if i == 0 {
				advance(time.Second)
			}
		}
		release()
		advance(time.Second)
		got := b.events()
		if len(got) < 5 || len(got) > 7 || !strings.Contains(strings.Join(got, ""), `"missed":499}`) {
			t.Errorf("%d events", len(got))
		}
		if err := set(nil); err != nil || running != 0 {
			t.Errorf("%v, %d run", err, running)
		}
		if err := set(&Logs{}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		leave()
		if running != 0 {
			t.Errorf("%d tails run after the end", running)
		}
	})
}

func TestEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, b := newWorld(nil), &browser{}
		w.run(t)
		_, leave := w.open(t, b, "", "status")
		advance(25 * time.Second)
		synctest.Wait()
		if beats := strings.Count(b.text.String(), "event: beat"); beats != 2 {
			t.Errorf("%d beats in 25 s", beats)
		}
		b.events()
		w.hub.End("down")
		w.hub.End("restart")
		synctest.Wait()
		b.saw(t, `bye {"reason":"down"}`)
		leave()
	})
}

func TestListenersAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(nil)
		var leaving []func()
		for i := range mostListeners {
			w.session = strconv.Itoa(i)
			_, leave := w.open(t, &browser{}, "")
			leaving = append(leaving, leave)
		}
		defer func() {
			for _, leave := range leaving {
				leave()
			}
		}()
		q := httptest.NewRequest(http.MethodGet, "/api/stream", nil)
		if err := w.hub.Serve(&browser{}, q, "session", nil, Hello{}); fault.CodeOf(err) != fault.Unavailable {
			t.Errorf("%v", err)
		}
	})
}

// One browser does not take all places.
func TestListenersOfOneSessionAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(nil)
		var leaving []func()
		for range mostOfSession {
			_, leave := w.open(t, &browser{}, "")
			leaving = append(leaving, leave)
		}
		defer func() {
			for _, leave := range leaving {
				leave()
			}
		}()
		q := httptest.NewRequest(http.MethodGet, "/api/stream", nil)
		if err := w.hub.Serve(&browser{}, q, "session", nil, Hello{}); fault.CodeOf(err) != fault.Unavailable {
			t.Errorf("%v", err)
		}
		w.session = "another"
		_, leave := w.open(t, &browser{}, "")
		leave()
	})
}

// A newer page may ask for kinds that there are not yet.
func TestUnknownKinds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, b := newWorld(nil), &browser{}
		w.run(t)
		id, leave := w.open(t, b, "", "weather", "rates", "rates")
		advance(100 * time.Millisecond)
		if got := b.events(); len(got) != 2 || !strings.Contains(got[0], `"kinds":["rates"],"unknown":["weather"]`) || got[1] != "rates 1" {
			t.Errorf("%q", got)
		}
		if err := w.hub.Change(id, "session", Change{Kinds: []string{"weather", "status"}}); err != nil {
			t.Fatal(err)
		}
		advance(100 * time.Millisecond)
		b.saw(t, "status 1")
		leave()
	})
}

// Of two filters that are set one after the other, the second counts, however slow the
// first is to begin and to end.
func TestQuickChangesOfLogs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		running := map[string]int{}
		var mu sync.Mutex
		tail := func(filter string, _ int) (func(context.Context, func(*banyanv1.TailLogsResponse) error) error, error) {
			return func(ctx context.Context, _ func(*banyanv1.TailLogsResponse) error) error {
				count := func(n int) {
					mu.Lock()
					defer mu.Unlock()
					running[filter] += n
				}
				count(1)
				defer count(-1)
				<-ctx.Done()
				<-time.After(time.Second) // it is slow to end
				return ctx.Err()
			}, nil
		}
		w := newWorld(tail)
		id, leave := w.open(t, &browser{}, "")
		var changes sync.WaitGroup
		for _, filter := range []string{"a", "b", "c", "d"} {
			changes.Go(func() {
				if err := w.hub.Change(id, "session", Change{SetLogs: true, Logs: &Logs{Filter: filter}}); err != nil {
					t.Error(err)
				}
			})
			advance(time.Millisecond) // it waits for the one before
		}
		changes.Wait()
		synctest.Wait()
		mu.Lock()
		if running["d"] != 1 || running["a"]+running["b"]+running["c"] != 0 {
			t.Errorf("%v run", running)
		}
		mu.Unlock()
		leave()
	})
}
