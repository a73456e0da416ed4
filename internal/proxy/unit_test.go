package proxy

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/banyanrun/banyan/internal/route"
)

const sample = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

func TestTraceparent(t *testing.T) {
	for v, want := range map[string]bool{
		sample:                      true,
		sample[:53] + "00":          true,
		"cc" + sample[2:] + "-what": true,
		"cc" + sample[2:]:           true,
		sample + "-what":            false,
		"cc" + sample[2:] + "x":     false,
		"ff" + sample[2:]:           false,
		strings.ToUpper(sample):     false,
		sample[:54]:                 false,
		"":                          false,
		"00-" + strings.Repeat("0", 32) + sample[35:]: false,
		sample[:36] + strings.Repeat("0", 16) + "-01": false,
	} {
		if _, ok := parseTraceparent(v); ok != want {
			t.Errorf("%q: %v", v, ok)
		}
	}
	h := http.Header{"Traceparent": {sample}, "Tracestate": {"a=b"}}
	id := continueTrace(h)
	got := h.Get("Traceparent")
	if !strings.HasPrefix(got, sample[:36]) || got == sample || !strings.HasSuffix(got, "-01") || !id.sampled || h.Get("Tracestate") != "a=b" {
		t.Errorf("continued: %s", got)
	}
	h = http.Header{"Traceparent": {sample[:53] + "02"}}
	if continueTrace(h); !strings.HasSuffix(h.Get("Traceparent"), "-00") {
		t.Errorf("not sampled: %s", h.Get("Traceparent"))
	}
	for _, broken := range [][]string{{"x"}, {sample, sample}, nil} {
		h = http.Header{"Traceparent": broken, "Tracestate": {"a=b"}}
		continueTrace(h)
		if _, ok := parseTraceparent(h.Get("Traceparent")); !ok || h.Get("Tracestate") != "" {
			t.Errorf("begun anew: %v", h)
		}
	}
}

func FuzzTraceparent(f *testing.F) {
	f.Add(sample)
	f.Add("cc" + sample[2:] + "-x")
	f.Fuzz(func(t *testing.T, v string) {
		id, ok := parseTraceparent(v)
		if ok && (len(id.trace) != 32 || !lowerHex(id.trace)) {
			t.Fatal(id)
		}
		h := http.Header{"Traceparent": {v}}
		continueTrace(h)
		if next, good := parseTraceparent(h.Get("Traceparent")); !good || ok && next != id {
			t.Fatal(h, id, next)
		}
	})
}

func TestRequestID(t *testing.T) {
	for v, kept := range map[string]bool{"abc-123": true, "": false, "a b": false, "a\"b": false, strings.Repeat("x", 129): false} {
		h := http.Header{"X-Request-Id": {v}}
		if id := requestID(h); (id == v) != kept || h.Get("X-Request-Id") != id || id == "" {
			t.Errorf("%q: %q", v, id)
		}
	}
}

func TestBreaker(t *testing.T) {
	b := newBreaker(route.Breaker{FailureRatio: 0.5, MinRequests: 4, Window: 10 * time.Second, OpenFor: 5 * time.Second})
	now := time.Unix(1000, 0)
	send := func(v verdict) change {
		ok, trial := b.allow(now)
		if !ok {
			t.Fatal("not allowed")
		}
		return b.done(now, v, trial)
	}
	for _, v := range []verdict{bad, good, neutral} {
		if send(v) != same {
			t.Error("too few requests")
		}
	}
	now = now.Add(11 * time.Second) // the window has rolled past them
	for _, v := range []verdict{bad, good, good} {
		if send(v) != same {
			t.Error("too few requests")
		}
	}
	if send(bad) != opened {
		t.Error("2 of 4 failed")
	}
	if ok, _ := b.allow(now.Add(4 * time.Second)); ok {
		t.Error("open")
	}
	now = now.Add(6 * time.Second)
	ok, trial := b.allow(now)
	if !ok || !trial {
		t.Error("a trial is due")
	}
	if ok, _ := b.allow(now); ok {
		t.Error("one trial at a time")
	}
	if b.done(now, bad, true) != same {
		t.Error("open stays open")
	}
	if ok, _ := b.allow(now.Add(4 * time.Second)); ok {
		t.Error("open again")
	}
	now = now.Add(6 * time.Second)
	_, trial = b.allow(now)
	b.done(now, neutral, trial) // the client left: no verdict, another trial
	_, trial = b.allow(now)
	if !trial || b.done(now, good, trial) != closed {
		t.Error("the trial went well")
	}
	if send(bad) != same {
		t.Error("it begins anew")
	}
}

func TestBudget(t *testing.T) {
	var b budget
	now := time.Unix(1000, 0)
	n := 0
	for b.take(now) {
		n++
	}
	if n != budgetFree {
		t.Errorf("%d for free", n)
	}
	for range 100 {
		b.request()
	}
	for n = 0; b.take(now); {
		n++
	}
	if n != 20 {
		t.Errorf("%d of 100", n)
	}
	if now = now.Add(time.Second); !b.take(now) {
		t.Error("three a second")
	}
}

func TestOutlier(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var o outlier
		for n := range outlierErrors {
			if o.fail() != (n == outlierErrors-1) {
				t.Errorf("error %d", n)
			}
		}
		restored := 0
		if d := o.eject(time.Now(), func() { restored++ }); d != outlierBase {
			t.Errorf("first: %v", d)
		}
		if o.eject(time.Now(), nil) != 0 {
			t.Error("twice")
		}
		time.Sleep(outlierBase + time.Second) //nolint:forbidigo // synctest's clock
		synctest.Wait()
		if restored != 1 || o.ejected.Load() {
			t.Error("not restored")
		}
		if d := o.eject(time.Now(), func() {}); d != 2*outlierBase {
			t.Errorf("second: %v", d)
		}
		time.Sleep(4 * outlierBase) //nolint:forbidigo // synctest's clock
		if d := o.eject(time.Now(), func() {}); d != outlierBase {
			t.Errorf("after a good while: %v", d)
		}
		o.stop()
	})
	for _, c := range []struct {
		n, out int
		want   bool
	}{{1, 0, false}, {2, 0, true}, {2, 1, false}, {10, 0, true}, {10, 1, false}, {30, 2, true}, {30, 3, false}} {
		if got := mayEject(c.n, c.out); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}

func TestPick(t *testing.T) {
	mk := func(n int) *pool {
		p := &pool{}
		for i := range n {
			p.instances = append(p.instances, &instance{instanceKey: instanceKey{id: string(rune('a' + i))}, onIdle: func(*instance) {}})
		}
		return p
	}
	now := time.Now()
	p := mk(3)
	p.instances[0].inFlight.Store(100)
	counts := map[string]int{}
	for range 300 {
		c, _ := p.pick(now, nil)
		counts[c.inst.id]++
		c.inst.release()
	}
	if counts["a"] != 0 || counts["b"] < 75 || counts["c"] < 75 {
		t.Errorf("the busy one is avoided, the others are even: %v", counts)
	}
	// Not a tried one while there is another; then one even so.
	c, _ := p.pick(now, p.instances[1:])
	if c.inst != p.instances[0] {
		t.Error("tried")
	}
	if c, why := p.pick(now, p.instances); c.inst == nil || why != chosen {
		t.Error("all tried: any")
	}
	// Not an ejected one while there is another.
	p.instances[1].outlier.ejected.Store(true)
	p.instances[0].draining.Store(true)
	for range 20 {
		if c, _ := p.pick(now, nil); c.inst != p.instances[2] {
			t.Fatal(c.inst.id)
		}
	}
	p.instances[2].draining.Store(true)
	if c, _ := p.pick(now, nil); c.inst != p.instances[1] {
		t.Error("the ejected one is all there is")
	}
	p.instances[1].draining.Store(true)
	if _, why := p.pick(now, nil); why != allDraining {
		t.Error("all drain")
	}
	p = mk(2)
	p.breakers = []*breaker{newBreaker(route.Breaker{OpenFor: time.Hour}), newBreaker(route.Breaker{OpenFor: time.Hour})}
	for _, b := range p.breakers {
		b.open.Store(true)
		b.until = now.Add(time.Hour)
	}
	if _, why := p.pick(now, nil); why != allOpen {
		t.Error("all open")
	}
	if _, why := (&pool{}).pick(now, nil); why != allDraining {
		t.Error("none")
	}
}

func TestRecordIsJSON(t *testing.T) {
	r := &record{time: time.Now(), path: "/a\"b\\c\nd\xff\u2028ü", status: 200, total: 1500 * time.Microsecond, code: NoRoute}
	var m map[string]any
	if err := json.Unmarshal(r.append(nil), &m); err != nil {
		t.Fatal(err)
	}
	if m["path"] != "/a\"b\\c\nd\ufffd\u2028ü" || m["ms"] != 1.5 || m["error"] != "no-route" {
		t.Error(m)
	}
}

func TestEveryCodeHasAMeaning(t *testing.T) {
	for code, m := range meanings {
		if m.status < 400 || m.grpc == 0 || m.title == "" {
			t.Errorf("%s: %+v", code, m)
		}
	}
}

func TestGRPCTimeout(t *testing.T) {
	for v, want := range map[string]time.Duration{"100m": 100 * time.Millisecond, "2S": 2 * time.Second, "99999999H": 0, "5u": 5000, "1": 0, "": 0,
		"-1S": 0, "123456789S": 0, "1x": 0, "0S": 0, "7n": 7} {
		if d, ok := grpcTimeout(v); d != want || ok != (want != 0) {
			t.Errorf("%q: %v, %v", v, d, ok)
		}
	}
}
