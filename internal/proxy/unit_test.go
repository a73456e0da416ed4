package proxy

import (
	"bytes"
	"encoding/json"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/link"
	"github.com/banyanrun/banyan/internal/proxy/message"
	"github.com/banyanrun/banyan/internal/proxy/policy"
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
		if _, ok := parseTraceparent([]byte(v)); ok != want {
			t.Errorf("%q: %v", v, ok)
		}
	}
	h := headOf("Traceparent", sample, "Tracestate", "a=b")
	id := continueTrace(h)
	got := h.Header().Get("Traceparent")
	if !strings.HasPrefix(got, sample[:36]) || got == sample || !strings.HasSuffix(got, "-01") || !id.sampled || h.Header().Get("Tracestate") != "a=b" {
		t.Errorf("continued: %s", got)
	}
	h = headOf("Traceparent", sample[:53]+"02")
	if continueTrace(h); !strings.HasSuffix(h.Header().Get("Traceparent"), "-00") {
		t.Errorf("not sampled: %v", h.Header())
	}
	for _, broken := range [][]string{{"x"}, {sample, sample}, nil} {
		h = headOf("Tracestate", "a=b")
		for _, v := range broken {
			h.Add(message.Traceparent, []byte(v))
		}
		continueTrace(h)
		got := h.Header()
		if _, ok := parseTraceparent([]byte(got.Get("Traceparent"))); !ok || len(got["Traceparent"]) != 1 || got.Get("Tracestate") != "" {
			t.Errorf("begun anew: %v", got)
		}
	}
}

func FuzzTraceparent(f *testing.F) {
	f.Add(sample)
	f.Add("cc" + sample[2:] + "-x")
	f.Fuzz(func(t *testing.T, v string) {
		id, ok := parseTraceparent([]byte(v))
		if ok && (len(id.trace) != 32 || !lowerHex(id.trace)) {
			t.Fatal(id)
		}
		h := headOf("Traceparent", v)
		continueTrace(h)
		next, good := parseTraceparent(h.Get(message.Traceparent))
		if !good || ok && (!bytes.Equal(next.trace, id.trace) || next.sampled != id.sampled) {
			t.Fatal(h.Header(), id, next)
		}
	})
}

// headOf is a head with fields, given as name, value, name, value, …
func headOf(fields ...string) *message.Head {
	h := new(message.Head)
	for i := 0; i < len(fields); i += 2 {
		h.AddNamed([]byte(fields[i]), []byte(fields[i+1]))
	}
	return h
}

func TestRequestID(t *testing.T) {
	for v, kept := range map[string]bool{"abc-123": true, "": false, "a b": false, "a\"b": false, strings.Repeat("x", 129): false} {
		h := headOf("X-Request-Id", v)
		if id := string(requestID(h)); (id == v) != kept || h.Header().Get("X-Request-Id") != id || id == "" {
			t.Errorf("%q: %q", v, id)
		}
	}
}

// members are instances of a pool that nothing else knows.
func members(n int) []member {
	list := make([]member, n)
	for i := range list {
		list[i].inst = &instance{instanceKey: instanceKey{id: string(rune('a' + i))}, onIdle: func(*instance) {}}
	}
	return list
}

// pickOf is what a request at time now gets of p.
func pickOf(p *pool, d demand, now int64, tried ...*instance) *instance {
	e := &Engine{events: newEvents(func(link.Event) {})}
	c, ok := p.take(view{e: e, members: p.members, tried: tried, now: now, demand: d}, rand.Uint64())
	if !ok {
		return nil
	}
	c.inst.release()
	return c.inst
}

func TestPick(t *testing.T) {
	p := &pool{members: members(3), balancer: twoChoices}
	a, b, c := p.members[0].inst, p.members[1].inst, p.members[2].inst
	occupy(t, a, 100)
	counts := map[*instance]int{}
	for range 300 {
		counts[pickOf(p, sound, 1)]++
	}
	if counts[a] != 0 || counts[b] < 75 || counts[c] < 75 {
		t.Errorf("the busy one is avoided, the others are even: %v", counts)
	}
	if got := pickOf(p, sound, 1, b, c); got != a {
		t.Error("tried")
	}
	if pickOf(p, untried, 1, a, b, c) != nil || pickOf(p, whoever, 1, a, b, c) == nil {
		t.Error("all tried: any, but only where whoever will do")
	}
	var ej policy.Ejector
	cfg := policy.OutlierConfig(nil)
	ej.Eject(1, &cfg, &b.outlier, (&service{instances: []*instance{a, b, c}}).outliers())
	a.draining.Store(true)
	for range 20 {
		if got := pickOf(p, sound, 1); got != c {
			t.Fatal("not the sound one")
		}
	}
	c.draining.Store(true)
	if pickOf(p, sound, 1) != nil || pickOf(p, untried, 1) != b {
		t.Error("the ejected one is all there is")
	}
	b.draining.Store(true)
	if pickOf(p, whoever, 1) != nil || pickOf(&pool{balancer: twoChoices}, whoever, 1) != nil {
		t.Error("there is none")
	}
}

func TestPickWithinLimits(t *testing.T) {
	p := &pool{members: members(2), balancer: twoChoices}
	a, b := &p.members[0], &p.members[1]
	a.limit = &limit{cfg: route.Concurrency{Max: 2}}
	b.breaker = policy.NewBreaker(route.Breaker{FailureRatio: 1, MinRequests: 1, Window: time.Second, OpenFor: time.Hour})
	b.breaker.Done(1, policy.Bad, false)
	if pickOf(p, whoever, 2) != a.inst {
		t.Error("b's breaker is open")
	}
	occupy(t, a.inst, 2)
	if pickOf(p, whoever, 2) != nil {
		t.Error("a is full")
	}
}

func TestAdaptiveLimit(t *testing.T) {
	inst := new(instance)
	l := inst.limitFor(&route.Concurrency{Max: 50, Adaptive: true})
	first := l.most()
	for i := range int64(10_000) {
		l.observe(i*int64(10*time.Millisecond), int64(5*time.Millisecond), 1000)
	}
	if first >= 50 || l.most() <= first {
		t.Errorf("%d, then %d: it does not grow while answers stay quick", first, l.most())
	}
	if inst.limitFor(&route.Concurrency{Max: 50, Adaptive: true}) != l {
		t.Error("begun anew with the same settings")
	}
	if inst.limitFor(&route.Concurrency{Max: 51, Adaptive: true}) == l || inst.limitFor(nil).most() != 0 {
		t.Error("kept with others")
	}
}

func TestCookieOf(t *testing.T) {
	for line, want := range map[string]string{"a=1; sid=x": "x", "sid=y": "y", " sid = z ;b": "z", "xsid=1": "", "sid": "", "": "", "b=sid=1": ""} {
		if got, _ := cookieOf(headOf("Cookie", line), "sid"); string(got) != want {
			t.Errorf("%q: %q", line, got)
		}
	}
	if got, _ := cookieOf(headOf("Cookie", "a=1", "Cookie", "sid=2"), "sid"); string(got) != "2" {
		t.Error("in the second line")
	}
}

func TestRecordIsJSON(t *testing.T) {
	r := &record{time: time.Now(), path: "/a\"b\\c\nd\xff\u2028ü", status: 200, total: 1500 * time.Microsecond, code: NoRoute}
	var m map[string]any
	if err := json.Unmarshal(r.append(nil, new(secondClock)), &m); err != nil {
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
		if d, ok := grpcTimeout([]byte(v)); d != want || ok != (want != 0) {
			t.Errorf("%q: %v, %v", v, d, ok)
		}
	}
	for d, want := range map[time.Duration]string{
		1: "1n", 0: "1n", -5: "1n", 99_999_999: "99999999n", 100_000_000: "100000u", 30 * time.Second: "30000000u", 100 * time.Second: "100000m",
		math.MaxInt64: "2562047H",
	} {
		got := appendGrpcTimeout(nil, d)
		if _, ok := grpcTimeout(got); d != math.MaxInt64 && string(got) != want || !ok {
			t.Errorf("%v: %s, want %s", d, got, want)
		}
	}
}

func TestMilliseconds(t *testing.T) {
	for v, want := range map[string]time.Duration{"1500": 1500 * time.Millisecond, "0": 1, "": 0, "-1": 0, "1.5": 0, "1234567890123": 0} {
		if d, ok := milliseconds([]byte(v)); d != want || ok != (want != 0) {
			t.Errorf("%q: %v, %v", v, d, ok)
		}
	}
}
