package bus

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/banyanrun/banyan/internal/bus/engine"
	"github.com/banyanrun/banyan/internal/bus/flow"
)

func TestTimeoutIsAnAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hang := roundTrip(func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		})
		c := newClient(hang, func(string) (string, bool) { return "x:1", true })
		start := time.Now()
		a := c.post(t.Context(), message{to: Subscription{Path: "/", Timeout: time.Minute}, record: &engine.Record{}})
		if a.outcome != flow.Failed || a.err != "no answer within 1m0s" || time.Since(start) != time.Minute {
			t.Errorf("%+v after %v", a, time.Since(start))
		}
	})
}

func TestWhatNobodySawIsNoAttempt(t *testing.T) {
	down := func(string) (string, bool) { return "127.0.0.1:1", true } // nothing listens there
	none := func(string) (string, bool) { return "", false }
	for name, address := range map[string]func(string) (string, bool){"down": down, "none": none} {
		c := newClient(newTransport(), address)
		if a := c.post(t.Context(), message{to: Subscription{Path: "/", Timeout: time.Minute}, record: &engine.Record{}}); a.outcome != flow.Unseen {
			t.Errorf("%s: %+v", name, a)
		}
	}
}

func TestADefectIsAnAttempt(t *testing.T) {
	c := newClient(roundTrip(func(*http.Request) (*http.Response, error) { panic("oh") }), func(string) (string, bool) { return "x:1", true })
	if a := c.post(t.Context(), message{to: Subscription{Path: "/", Timeout: time.Minute}, record: &engine.Record{}}); a.outcome != flow.Failed || a.err == "" {
		t.Errorf("%+v", a)
	}
}

func TestTraceOfTheEventGoesOn(t *testing.T) {
	const parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	r := newRig(t, simple())
	e := makeEvents("k:1")
	e[0].Set("traceparent", parent)
	if _, err := r.Publish(t.Context(), "shop", "t", e); err != nil {
		t.Fatal(err)
	}
	if d := r.service.wait(t, 1)[0]; d.header.Get("Traceparent") != parent {
		t.Errorf("%v", d.header)
	}
}

func TestSequence(t *testing.T) {
	for text, want := range map[string]engine.Position{"481": {Offset: 481}, "2-7": {Partition: 2, Offset: 7}} {
		if p, ok := parseSequence(text); !ok || p != want || sequence(want) != text {
			t.Errorf("%s: %v %v %s", text, p, ok, sequence(want))
		}
	}
	for _, text := range []string{"", "-1", "1-", "x", "1-x", "-1-1", "99999999999-1"} {
		if p, ok := parseSequence(text); ok {
			t.Errorf("%q: %v", text, p)
		}
	}
}
