package bus

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/bus/progress"
)

func TestDeliveryCarriesTheEvent(t *testing.T) {
	for _, structured := range []bool{false, true} {
		t.Run(fmt.Sprintf("structured=%v", structured), func(t *testing.T) {
			r := newRig(t, simple(func(_ *Topic, s *Subscription) { s.Structured = structured }))
			result := r.publish("t", "k:1")[0]
			d := r.service.wait(t, 1)[0]
			if d.path != "/in" || d.attempt() != "1" || d.header.Get("Banyan-Topic") != "t" || d.header.Get("Banyan-Sequence") != result.Sequence {
				t.Errorf("%s %v", d.path, d.header)
			}
			if len(d.header.Get("Banyan-Delivery")) != 26 || d.header.Get("Webhook-Request-Origin") != "banyan" || len(d.header.Get("Traceparent")) != 55 {
				t.Errorf("%v", d.header)
			}
			if d.header.Get("Banyan-Deadline") != "10000" {
				t.Errorf("%v", d.header)
			}
			if structured {
				if d.header.Get("Content-Type") != "application/cloudevents+json" || !strings.Contains(d.body, `"banyanpublisher":"shop"`) {
					t.Errorf("%v %s", d.header, d.body)
				}
				return
			}
			if d.body != `{"of":"k:1"}` || d.header.Get("Ce-Banyanpublisher") != "shop" || d.header.Get("Ce-Source") != "/services/shop" ||
				d.header.Get("Ce-Type") != "t" || d.header.Get("Content-Type") != "application/json" {
				t.Errorf("%s %v", d.body, d.header)
			}
		})
	}
}

// TestOrderOfKeys: whatever fails, a key's events come in order, each only after
// the one before it was taken or given up, and no other key waits for it.
func TestOrderOfKeys(t *testing.T) {
	r := newRig(t, simple(func(_ *Topic, s *Subscription) { s.MaxAttempts = 0 }))
	const keys, each = 5, 40
	var mu sync.Mutex
	tries := map[string]int{}
	taken := map[string][]int{}
	flying := map[string]bool{}
	r.service.answers(func(w http.ResponseWriter, d delivered) {
		key := d.header.Get("Ce-Subject")
		n, _ := strconv.Atoi(strings.TrimPrefix(d.id(), key+"-"))
		mu.Lock()
		defer mu.Unlock()
		if flying[key] {
			t.Errorf("two deliveries of key %s at a time", key)
		}
		if len(taken[key]) > 0 && taken[key][len(taken[key])-1] != n-1 || len(taken[key]) == 0 && n != 0 {
			t.Errorf("key %s: %d after %v", key, n, taken[key])
		}
		tries[d.id()]++
		if want := strconv.Itoa(tries[d.id()]); d.attempt() != want {
			t.Errorf("attempt %s of %s, want %s", d.attempt(), d.id(), want)
		}
		if (n+len(key))%3 == 0 && tries[d.id()] < 3 {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		taken[key] = append(taken[key], n)
	})
	for n := range each {
		var list []string
		for k := range keys {
			key := "k" + strconv.Itoa(k)
			list = append(list, fmt.Sprintf("%s:%s-%d", key, key, n))
		}
		r.publish("t", list...)
	}
	r.eventually("all are taken", func() bool {
		mu.Lock()
		defer mu.Unlock()
		total := 0
		for _, list := range taken {
			total += len(list)
		}
		return total == keys*each
	})
}

func TestAKeyThatFailsHoldsUpNoOther(t *testing.T) {
	r := newRig(t, simple(func(_ *Topic, s *Subscription) {
		s.MaxAttempts, s.Concurrency, s.First, s.Most = 0, 1, time.Hour, time.Hour
	}))
	r.service.answers(func(w http.ResponseWriter, d delivered) {
		if d.header.Get("Ce-Subject") == "bad" {
			w.WriteHeader(http.StatusInternalServerError)
		}
	})
	r.publish("t", "bad:1", "bad:2", "good:3", ":4", "good:5")
	got := r.service.wait(t, 4)
	var ids []string
	for _, d := range got {
		ids = append(ids, d.id())
	}
	if !slices.Equal(ids, []string{"1", "3", "4", "5"}) {
		t.Errorf("%v", ids)
	}
	r.eventually("it is counted", func() bool { s := r.sub(); return s.Lag == 2 && s.Retrying == 1 && s.Failed == 1 && s.Delivered == 3 })
	if s := r.sub(); s.Oldest.IsZero() {
		t.Errorf("%+v", s)
	}
}

// TestAnswers is the table of what answers mean.
func TestAnswers(t *testing.T) {
	unlike := func(answer func(http.ResponseWriter, delivered)) func(http.ResponseWriter, delivered) {
		var once sync.Once
		return func(w http.ResponseWriter, d delivered) {
			first := false
			once.Do(func() { first = true })
			if first {
				answer(w, d)
			}
		}
	}
	for name, c := range map[string]struct {
		answer  func(http.ResponseWriter, delivered)
		attempt string // of the delivery that follows
	}{
		"500":                    {status(500), "2"},
		"400":                    {status(400), "2"},
		"404":                    {status(404), "2"},
		"429 without a time":     {status(429), "2"},
		"429 with a time":        {status(429, "Retry-After", "0"), "1"},
		"503 without a time":     {status(503), "2"},
		"503 with a time":        {status(503, "Retry-After", "0"), "1"},
		"503 with a date":        {status(503, "Retry-After", time.Now().Add(-time.Hour).UTC().Format(http.TimeFormat)), "1"},
		"500 with a time":        {status(500, "Retry-After", "0"), "2"},
		"no instance":            {status(503, "Banyan-Error", "no-ready-instance", "Retry-After", "3600"), "1"},
		"overloaded":             {status(503, "Banyan-Error", "overloaded"), "1"},
		"breaker open":           {status(503, "Banyan-Error", "breaker-open"), "1"},
		"bulkhead full":          {status(503, "Banyan-Error", "bulkhead-full"), "1"},
		"no connection":          {status(502, "Banyan-Error", "upstream-connect"), "1"},
		"reset by the instance":  {status(502, "Banyan-Error", "upstream-reset"), "2"},
		"timeout":                {status(504, "Banyan-Error", "upstream-timeout"), "2"},
		"redirect":               {status(307, "Location", "/elsewhere"), "2"},
		"the connection is shut": {func(http.ResponseWriter, delivered) { panic(http.ErrAbortHandler) }, "2"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, simple())
			var mu sync.Mutex
			var attempts, paths []string
			answer := unlike(c.answer)
			r.service.answers(func(w http.ResponseWriter, d delivered) {
				mu.Lock()
				attempts, paths = append(attempts, d.attempt()), append(paths, d.path)
				mu.Unlock()
				answer(w, d)
			})
			r.publish("t", "k:1")
			r.eventually("the event is taken", func() bool { return r.sub().Delivered == 1 })
			if !slices.Equal(attempts, []string{"1", c.attempt}) || !slices.Equal(paths, []string{"/in", "/in"}) {
				t.Errorf("attempts %v of %v", attempts, paths)
			}
		})
	}
}

func TestGone(t *testing.T) {
	r := newRig(t, simple(func(_ *Topic, s *Subscription) { s.Revision, s.Concurrency = "one", 1 }))
	r.service.answers(status(410))
	r.publish("t", "a:1", "b:2")
	r.eventually("it is gone", func() bool { return r.sub().State == "gone" })
	r.service.answers(nil)
	spec := simple(func(_ *Topic, s *Subscription) { s.Revision = "one" })
	if err := r.Configure(t.Context(), spec); err != nil { // not a new revision
		t.Fatal(err)
	}
	r.stop()
	r.start(spec)
	if s := r.sub(); s.State != "gone" || s.Lag != 2 || s.Why == "" {
		t.Fatalf("%+v", s)
	}
	if n := len(r.service.wait(t, 1)); n != 1 {
		t.Errorf("%d deliveries", n)
	}
	spec.Subscriptions[0].Revision = "two"
	if err := r.Configure(t.Context(), spec); err != nil {
		t.Fatal(err)
	}
	r.eventually("all is delivered", func() bool { s := r.sub(); return s.Delivered == 2 && s.Lag == 0 && s.State == "active" })
}

func TestPauseAndResume(t *testing.T) {
	r := newRig(t, simple())
	if err := r.Pause(t.Context(), "t", "mail"); err != nil {
		t.Fatal(err)
	}
	r.publish("t", "a:1", "b:2")
	r.stop()
	r.start(simple())
	if s := r.sub(); s.State != "paused" || s.Lag != 2 {
		t.Fatalf("%+v", s)
	}
	if err := r.Resume(t.Context(), "t", "mail"); err != nil {
		t.Fatal(err)
	}
	r.service.wait(t, 2)
	if err := r.Pause(t.Context(), "t", "nobody"); err == nil {
		t.Error("a subscription that is not there was paused")
	}
}

func TestDeadLetters(t *testing.T) {
	spec := simple(func(_ *Topic, s *Subscription) { s.DeadLetter = "dead" })
	spec.Subscriptions = append(spec.Subscriptions, Subscription{
		Topic: "dead", Service: "ops", Path: "/dead", From: "new", Concurrency: 1, Timeout: time.Second, First: time.Millisecond, Most: time.Millisecond,
	})
	r := newRig(t, spec)
	r.service.answers(func(w http.ResponseWriter, d delivered) {
		if d.path == "/in" && d.header.Get("Ce-Subject") == "bad" {
			status(500)(w, d)
		}
	})
	r.publish("t", "bad:1", "bad:2", "good:3")
	r.eventually("both are dead", func() bool { s := r.sub(); return s.Dead == 2 && s.Lag == 0 && s.Delivered == 1 })
	letters, err := r.ListDead(t.Context(), "t", "", 0, 10)
	if err != nil || len(letters) != 2 {
		t.Fatal(letters, err)
	}
	d := letters[0]
	if d.Service != "mail" || d.Attempts != 3 || d.Status != 500 || string(d.Response) != "answer 500" || d.First.IsZero() ||
		d.Last.Before(d.First) || attribute(&d.Event.Record, "id") != "1" || string(d.Event.Data) != `{"of":"bad:1"}` {
		t.Errorf("%+v", d)
	}
	published := func() (list []delivered) {
		for _, d := range r.service.wait(t, 1) {
			if d.path == "/dead" {
				list = append(list, d)
			}
		}
		return list
	}
	r.eventually("they are published", func() bool { return len(published()) == 2 })
	if h := published()[0].header; h.Get("Ce-Banyandeadservice") != "mail" || h.Get("Ce-Banyandeadattempts") != "3" || h.Get("Ce-Id") != "1" {
		t.Errorf("%v", h)
	}

	// A redrive that fails changes the letter, one that succeeds removes it.
	report, err := r.Redrive(t.Context(), "t", "mail", []int64{d.N})
	if err != nil || report != (Report{Failed: 1}) {
		t.Fatal(report, err)
	}
	if letters, _ = r.ListDead(t.Context(), "t", "mail", 0, 10); len(letters) != 2 || letters[0].N != d.N || letters[0].Attempts != 4 {
		t.Fatalf("%+v", letters)
	}
	r.service.answers(nil)
	before := len(r.service.wait(t, 0))
	if report, err = r.Redrive(t.Context(), "t", "mail", nil); err != nil || report != (Report{Delivered: 2}) {
		t.Fatal(report, err)
	}
	again := r.service.wait(t, before+2)[before:]
	if again[0].id() != "1" || again[1].id() != "2" || again[0].attempt() != "5" || again[0].header.Get("Banyan-Sequence") != "1" {
		t.Errorf("%v", again)
	}
	if letters, _ = r.ListDead(t.Context(), "t", "", 0, 10); len(letters) != 0 {
		t.Errorf("%v", letters)
	}
	if _, err = r.Redrive(t.Context(), "t", "mail", []int64{d.N}); err == nil {
		t.Error("a dead letter that is not there was redriven")
	}
	// The identity of a delivery is the same all the time.
	var identities []string
	for _, d := range r.service.wait(t, 0) {
		if d.path == "/in" && d.id() == "1" {
			identities = append(identities, d.header.Get("Banyan-Delivery"))
		}
	}
	if len(slices.Compact(identities)) != 1 {
		t.Errorf("%v", identities)
	}
}

func TestReplay(t *testing.T) {
	r := newRig(t, simple())
	r.publish("t", "a:1", "b:2", "a:3", "b:4", "a:5")
	r.service.wait(t, 5)
	report, err := r.Replay(t.Context(), "t", "mail", "2", "4")
	if err != nil || report != (Report{Delivered: 3}) {
		t.Fatal(report, err)
	}
	var ids []string
	for _, d := range r.service.wait(t, 8)[5:] {
		if d.header.Get("Banyan-Replay") == "" || d.attempt() != "1" {
			t.Errorf("%v", d.header)
		}
		ids = append(ids, d.id())
	}
	slices.Sort(ids)
	if !slices.Equal(ids, []string{"2", "3", "4"}) {
		t.Errorf("%v", ids)
	}
	if report, err = r.Replay(t.Context(), "t", "mail", time.Now().Add(time.Hour).UTC().Format(time.RFC3339), ""); err != nil || report != (Report{}) {
		t.Error(report, err)
	}
	if _, err = r.Replay(t.Context(), "t", "mail", "7", ""); err == nil {
		t.Error("a replay from what is not there")
	}
	if _, err = r.Replay(t.Context(), "t", "mail", "yesterday", ""); err == nil {
		t.Error("a replay from nowhere")
	}
	r.eventually("the subscription itself has delivered all once", func() bool { return r.sub().Delivered == 5 })
}

func TestStartOfASubscription(t *testing.T) {
	r := newRig(t, simple())
	r.publish("t", "a:1", "a:2")
	r.service.wait(t, 2)
	noon := time.Now()
	r.publish("t", "a:3")
	r.service.wait(t, 3)
	spec := simple()
	for service, from := range map[string]string{"all": "all", "new": "new", "noon": noon.UTC().Format(time.RFC3339Nano)} {
		s := spec.Subscriptions[0]
		s.Service, s.From, s.Path = service, from, "/"+service
		spec.Subscriptions = append(spec.Subscriptions, s)
	}
	if err := r.Configure(t.Context(), spec); err != nil {
		t.Fatal(err)
	}
	r.publish("t", "a:4")
	got := map[string][]string{}
	for _, d := range r.service.wait(t, 3+1+4+1+2) {
		got[d.path] = append(got[d.path], d.id())
	}
	for path, want := range map[string]string{"/in": "1 2 3 4", "/all": "1 2 3 4", "/new": "4", "/noon": "3 4"} {
		if ids := strings.Join(got[path], " "); ids != want {
			t.Errorf("%s: %s, want %s", path, ids, want)
		}
	}
}

// TestRemovedAndBack: a subscription that was removed goes on where it was.
func TestRemovedAndBack(t *testing.T) {
	r := newRig(t, simple())
	r.publish("t", "a:1")
	r.service.wait(t, 1)
	without := simple()
	without.Subscriptions = nil
	if err := r.Configure(t.Context(), without); err != nil {
		t.Fatal(err)
	}
	r.publish("t", "a:2")
	if s := r.sub(); s.State != "orphaned" {
		t.Errorf("%+v", s)
	}
	if err := r.Configure(t.Context(), simple()); err != nil {
		t.Fatal(err)
	}
	got := r.service.wait(t, 2)
	if len(got) != 2 || got[1].id() != "2" {
		t.Errorf("%v", got)
	}
	if err := r.Configure(t.Context(), without); err != nil {
		t.Fatal(err)
	}
	if err := r.Configure(t.Context(), simple()); err != nil {
		t.Fatal(err)
	}
	if err := r.forget(t.Context(), time.Now().Add(orphanKept+time.Hour)); err != nil {
		t.Fatal(err)
	}
	if rows, err := r.store.Subscriptions(t.Context()); err != nil || len(rows) != 1 {
		t.Errorf("one that came back was forgotten: %v %v", rows, err)
	}
	if err := r.Configure(t.Context(), without); err != nil {
		t.Fatal(err)
	}
	if err := r.forget(t.Context(), time.Now().Add(orphanKept+time.Hour)); err != nil {
		t.Fatal(err)
	}
	if rows, err := r.store.Subscriptions(t.Context()); err != nil || len(rows) != 0 {
		t.Errorf("%v %v", rows, err)
	}
}

// TestProgressIsKept: an orderly end repeats nothing, and attempts go on counting.
func TestProgressIsKept(t *testing.T) {
	spec := simple(func(_ *Topic, s *Subscription) {
		s.MaxAttempts, s.First, s.Most = 0, 5*time.Millisecond, 5*time.Millisecond
	})
	r := newRig(t, spec)
	r.service.answers(func(w http.ResponseWriter, d delivered) {
		if d.id() == "2" {
			w.WriteHeader(500)
		}
	})
	r.publish("t", "a:1", "b:2", "c:3", "b:4")
	r.eventually("there is trouble", func() bool { s := r.sub(); return s.Failed > 2 && s.Delivered == 2 })
	r.stop()
	rows, err := openedTroubles(t, r.path)
	if err != nil || len(rows) != 1 {
		t.Fatal(rows, err)
	}
	before := len(r.service.wait(t, 0))
	r.service.answers(nil)
	r.start(spec)
	got := r.service.wait(t, before+2)[before:]
	if len(got) != 2 || got[0].id() != "2" || got[0].attempt() != strconv.Itoa(rows[0].Attempts+1) || got[1].id() != "4" {
		t.Errorf("%v after %d attempts", got, rows[0].Attempts)
	}
	r.eventually("trouble is forgotten", func() bool {
		rows, err := r.store.Troubles(t.Context(), progress.Name{Topic: "t", Service: "mail"})
		return err == nil && len(rows) == 0
	})
}

func openedTroubles(t *testing.T, path string) ([]progress.Trouble, error) {
	t.Helper()
	s, err := progress.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	return s.Troubles(t.Context(), progress.Name{Topic: "t", Service: "mail"})
}
