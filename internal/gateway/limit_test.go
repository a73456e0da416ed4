package gateway

import (
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/route"
)

func TestLimiter(t *testing.T) {
	l := NewLimiter(route.RateLimit{Requests: 10, Per: time.Second, Burst: 3})
	now := time.Unix(1000, 0)
	for i := range 3 {
		d := l.Allow("a", now)
		if !d.OK || d.Remaining != 2-i || d.Limit != 3 || d.Reset != time.Duration(i+1)*100*time.Millisecond {
			t.Errorf("%d: %+v", i, d)
		}
	}
	d := l.Allow("a", now)
	if d.OK || d.Retry != 100*time.Millisecond || d.Remaining != 0 || d.Reset != 300*time.Millisecond {
		t.Errorf("%+v", d)
	}
	h := http.Header{}
	d.Header(h)
	if h.Get("RateLimit-Limit") != "3" || h.Get("RateLimit-Remaining") != "0" || h.Get("RateLimit-Reset") != "1" || h.Get("Retry-After") != "1" {
		t.Error(h)
	}
	if !l.Allow("b", now).OK {
		t.Error("clients are apart")
	}
	// In the long run the rate holds exactly, however often it is asked.
	ok := 0
	for range 1000 {
		now = now.Add(10 * time.Millisecond)
		if l.Allow("a", now).OK {
			ok++
		}
	}
	if ok != 100 {
		t.Errorf("%d in 10 s", ok)
	}
	now = now.Add(time.Hour)
	if d := l.Allow("a", now); d.Remaining != 2 {
		t.Errorf("full again: %+v", d)
	}
}

func TestLimiterMemory(t *testing.T) {
	count := func(l *Limiter) (n int) {
		for i := range l.shards {
			n += len(l.shards[i].full)
		}
		return n
	}
	l := NewLimiter(route.RateLimit{Requests: 1, Per: time.Hour})
	now := time.Unix(1000, 0)
	for i := range 200_000 {
		l.Allow(strconv.Itoa(i), now)
	}
	if n := count(l); n > limitShards*limitKeys {
		t.Errorf("%d clients are remembered", n)
	}
	l = NewLimiter(route.RateLimit{Requests: 1000, Per: time.Second})
	for i := range 200_000 {
		l.Allow(strconv.Itoa(i), now.Add(time.Duration(i)*time.Millisecond))
	}
	if n := count(l); n > 10_000 {
		t.Errorf("%d full buckets are kept", n)
	}
}

func TestAddressKey(t *testing.T) {
	for ip, want := range map[string]string{
		"10.1.2.3": "10.1.2.3", "::ffff:10.1.2.3": "10.1.2.3", "2001:db8:1:2:3:4:5:6": "2001:db8:1:2::/64", "fe80::1%eth0": "fe80::/64", "what": "what",
	} {
		if got := AddressKey(ip); got != want {
			t.Errorf("%s: %s", ip, got)
		}
	}
}

func TestCORS(t *testing.T) {
	c := NewCORS(route.CORS{Origins: []string{"https://shop.example", "https://*.shop.example"}, Methods: []string{"GET"}, Expose: []string{"X-A"}})
	for origin, want := range map[string]bool{
		"https://shop.example": true, "https://SHOP.example": true, "https://a.b.shop.example": true, "http://shop.example": false,
		"https://evil.example": false, "https://shop.example.evil": false, "https://evil.example/.shop.example": false,
		"https://.shop.example": false, "null": false, "https://evil:1@x.shop.example": false,
	} {
		if got := c.allowed(origin); got != want {
			t.Errorf("%s: %v", origin, got)
		}
	}
	h := http.Header{"Access-Control-Allow-Origin": {"*"}, "Vary": {"accept-encoding, origin"}}
	c.Apply("https://shop.example", h)
	if h.Get("Access-Control-Allow-Origin") != "https://shop.example" || h.Get("Access-Control-Expose-Headers") != "X-A" || len(h["Vary"]) != 1 {
		t.Error(h)
	}
	h = http.Header{}
	NewCORS(route.CORS{Origins: []string{"*"}}).Apply("https://a", h)
	if h.Get("Access-Control-Allow-Origin") != "*" || h.Get("Vary") != "" {
		t.Error(h)
	}
}
