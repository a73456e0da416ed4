package cache

import (
	"bytes"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/proxy/message"
	"github.com/banyanrun/banyan/internal/route"
)

const hour = "Cache-Control: max-age=3600"

func TestVary(t *testing.T) {
	c := mustNew(t, route.Cache{})
	vary := func(v string) *message.Head { return response(200, hour, "Vary: "+v) }
	put(c, start, request("GET", "/", "Accept: a"), vary("Accept, Accept-Language"), "a")
	put(c, start, request("GET", "/", "accept: b"), vary("accept, ACCEPT-LANGUAGE, accept"), "b")
	put(c, start, request("GET", "/", "Accept: a", "Accept-Language: de"), vary("Accept, Accept-Language"), "a-de")
	put(c, start, request("GET", "/", "Accept:"), vary("Accept, Accept-Language"), "empty")
	check := func(want string, lines ...string) {
		t.Helper()
		if s := got(c, start, request("GET", "/", lines...)); s != want {
			t.Errorf("%q gets %q, want %q", lines, s, want)
		}
	}
	check("fresh a", "Accept: a")
	check("fresh a", "X-Other: 1", "ACCEPT: a ")
	check("fresh b", "Accept: b")
	check("fresh a-de", "Accept-Language: de", "Accept: a")
	check("fresh empty", "Accept:")
	check("")
	check("", "Accept: a", "Accept: b")
	check("", "Accept-Language: a")

	// The newest answer says by what they vary.
	put(c, start, request("GET", "/", "Cookie: x"), vary("Cookie"), "x")
	check("fresh x", "Cookie: x", "Accept: a")
	check("", "Accept: a")
	put(c, start, request("GET", "/"), response(200, hour), "all")
	check("fresh all", "Accept: a")
	put(c, start, request("GET", "/", "Accept: c"), vary("Accept, Accept-Language"), "c")
	check("fresh c", "Accept: c")
	check("", "Accept: a") // of the first list, which is gone

	// All of a resource is invalidated at once.
	c.Invalidate(c.Key(request("PUT", "/")))
	check("", "Accept: c")
	put(c, start, request("GET", "/", "Accept: d"), vary("Accept, Accept-Language"), "d")
	check("", "Accept: c")
	check("fresh d", "Accept: d")
}

func TestInvalidate(t *testing.T) {
	c := mustNew(t, route.Cache{})
	put(c, start, request("GET", "/a"), response(200, hour), "1")
	put(c, start, request("GET", "/b"), response(200, hour), "1")
	c.Invalidate(c.Key(host(request("POST", "/a", "X: y"), "Shop.Test")))
	if s := got(c, start, request("GET", "/a")); s != "" {
		t.Errorf("it is gone: %q", s)
	}
	if s := got(c, start, request("GET", "/b")); s != "fresh 1" {
		t.Errorf("this one is not: %q", s)
	}
	// An answer that was asked for before shows the old state.
	f := c.Fill(request("GET", "/a"))
	f.Head(start, start, response(200, hour))
	c.Invalidate(c.Key(request("POST", "/a")))
	f.Commit()
	if s := got(c, start, request("GET", "/a")); s != "" {
		t.Errorf("an old answer came late: %q", s)
	}
}

// TestFillOwnsItsRequest: the pipeline changes the request's head once the fill is there.
func TestFillOwnsItsRequest(t *testing.T) {
	c := mustNew(t, route.Cache{})
	req := &message.Head{}
	req.Method, req.Authority, req.Path = req.TakeString("GET"), req.TakeString("shop.test"), req.TakeString("/a")
	fields(req, "Accept: a")
	f := c.Fill(req)
	req.Path = req.TakeString("/rewritten")
	req.Set(message.Accept, req.TakeString("b"))
	copy(req.Method, "PUT")
	f.Head(start, start, response(200, hour, "Vary: Accept"))
	f.Commit()
	if s := got(c, start, request("GET", "/a", "Accept: a")); s != "fresh " {
		t.Errorf("%q", s)
	}
}

func TestFillSizes(t *testing.T) {
	for _, c := range []struct {
		name   string
		sized  int64 // -1: streamed
		chunks []int
		want   bool
	}{
		{"empty", -1, nil, true},
		{"streamed", -1, []int{1, 10, 100, 889}, true},
		{"too long", -1, []int{1000, 1}, false},
		{"sized", 1000, []int{500, 500}, true},
		{"sized and too long", 1001, []int{500, 500, 1}, false},
		{"too short", 1000, []int{500}, false},
		{"longer than it says", 500, []int{501}, false},
	} {
		kept := mustNew(t, route.Cache{MaxObject: 1000})
		resp := response(200, hour)
		if c.sized >= 0 {
			with(resp, message.Sized, c.sized)
		}
		f := kept.Fill(request("GET", "/"))
		f.Head(start, start, resp)
		var sent []byte
		for i, n := range c.chunks {
			part := bytes.Repeat([]byte{byte('a' + i)}, n)
			f.Write(part)
			sent = append(sent, part...)
		}
		f.Commit()
		want := ""
		if c.want {
			want = "fresh " + string(sent)
		}
		if s := got(kept, start, request("GET", "/")); s != want {
			t.Errorf("%s: %d bytes", c.name, len(s))
		}
		if n := kept.filling.Load(); n != 0 {
			t.Errorf("%s: %d bytes are on their way", c.name, n)
		}
	}
}

// TestNoEnd: what cannot be known to be whole, or has a trailer, is not wanted.
func TestNoEnd(t *testing.T) {
	c := mustNew(t, route.Cache{})
	trailer := response(200, hour)
	trailer.Trailer = []byte("Checksum")
	for _, resp := range []*message.Head{trailer, with(response(200, hour), message.UntilClose, 0)} {
		f := c.Fill(request("GET", "/"))
		if f.Head(start, start, resp) {
			t.Errorf("%+v", resp)
		}
		f.Commit()
	}
}

// TestAuthorization: without s-maxage, public or must-revalidate, answers to
// requests with and without Authorization are for their kind alone, and those with are not kept.
func TestAuthorization(t *testing.T) {
	with, without := request("GET", "/", "Authorization: Bearer a"), request("GET", "/")
	c := mustNew(t, route.Cache{})
	put(c, start, with, response(200, hour), "with")
	if s := got(c, start, without); s != "" {
		t.Errorf("%q", s)
	}
	put(c, start, without, response(200, hour), "without")
	if s := got(c, start, with); s != "" {
		t.Errorf("%q", s)
	}
	put(c, start, with, response(200, hour+", public"), "all")
	if s := got(c, start, without); s != "fresh all" {
		t.Errorf("%q", s)
	}
}

// TestCollision: another key of the same hash is not found.
func TestCollision(t *testing.T) {
	c := mustNew(t, route.Cache{})
	put(c, start, request("GET", "/a"), response(200, hour), "a")
	r := c.get(appendURI(nil, request("GET", "/a")))
	c.store.Set(c.Key(request("GET", "/b")), r)
	if s := got(c, start, request("GET", "/b")); s != "" {
		t.Errorf("%q", s)
	}
}

func TestNilFill(t *testing.T) {
	c := mustNew(t, route.Cache{})
	f := c.Fill(request("POST", "/"))
	if f != nil || f.Head(start, start, response(200, hour)) || f.Write([]byte("x")) {
		t.Error("wanted")
	}
	f.Drop()
	f.Commit()
	g := c.Fill(request("GET", "/"))
	g.Head(start, start, response(200, hour))
	g.Write([]byte("x"))
	g.Drop()
	g.Commit()
	if s := got(c, start, request("GET", "/")); s != "" {
		t.Errorf("dropped, and kept: %q", s)
	}
}

// TestBounded: neither what is kept nor what is on its way is more than MaxBytes.
func TestBounded(t *testing.T) {
	const most = 1 << 20
	c := mustNew(t, route.Cache{MaxBytes: most})
	for i := range 5000 {
		put(c, start, request("GET", "/"+strconv.Itoa(i)), response(200, hour, "X-Large: "+strings.Repeat("y", 1000)), strings.Repeat("x", i%3000))
	}
	c.store.CleanUp()
	total, count := 0, 0
	for _, r := range c.store.All() {
		total += len(r.key) + cap(r.entry.body) + r.entry.text
		count++
	}
	if total > most || total < most/2 || count < most/5000 {
		t.Errorf("%d bytes in %d entries", total, count)
	}
	fills := make([]*Fill, 0, 2000)
	part := make([]byte, 1500)
	wanted := 0
	for i := range cap(fills) {
		f := c.Fill(request("GET", "/"+strconv.Itoa(i)))
		f.Head(start, start, response(200, hour))
		if f.Write(part) {
			wanted++
		}
		fills = append(fills, f)
	}
	total = 0
	for _, f := range fills {
		total += cap(f.body)
	}
	if total > most || wanted == 0 || wanted == len(fills) {
		t.Errorf("%d bytes of %d bodies are on their way", total, wanted)
	}
	for _, f := range fills {
		f.Drop()
	}
	if n := c.filling.Load(); n != 0 {
		t.Errorf("%d bytes are left", n)
	}
}

func TestShared(t *testing.T) {
	c := mustNew(t, route.Cache{MaxBytes: 64 << 10})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := range 500 {
				n := strconv.Itoa(i % 50)
				req := request("GET", "/"+n, "Accept: "+strconv.Itoa(i%3))
				switch s := got(c, start, req); s {
				case "":
					put(c, start, req, response(200, hour, "Vary: Accept"), n)
				case "fresh " + n:
				default:
					t.Errorf("%s gets %q", n, s)
				}
				if i%20 == 0 {
					c.Invalidate(c.Key(req))
				}
			}
		})
	}
	wg.Wait()
}

func TestLookupAllocates(t *testing.T) {
	c := mustNew(t, route.Cache{})
	put(c, start, request("GET", "/plain"), response(200, hour), "x")
	put(c, start, request("GET", "/vary", "Accept: a"), response(200, hour, "Vary: Accept"), "x")
	plain, vary := request("GET", "/plain", "Cache-Control: max-age=5000"), request("GET", "/vary", "Accept: a")
	var to message.Head
	if n := testing.AllocsPerRun(100, func() {
		for _, req := range [...]*message.Head{plain, vary} {
			e, s := c.Lookup(start, req)
			if s != Fresh {
				t.Fatal(s)
			}
			to.Reset()
			e.Answer(start, req, &to)
		}
	}); n >= 1 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkLookup(b *testing.B) {
	c := mustNew(b, route.Cache{})
	put(c, start, request("GET", "/plain"), response(200, hour, "Content-Type: text/plain"), "x")
	put(c, start, request("GET", "/vary", "Accept: a"), response(200, hour, "Vary: Accept"), "x")
	for _, path := range []string{"/plain", "/vary", "/miss"} {
		b.Run(path[1:], func(b *testing.B) {
			req := request("GET", path, "Accept: a", "User-Agent: x", "Accept-Encoding: gzip", "X-Forwarded-For: 1.2.3.4")
			now := start.Add(time.Second)
			b.ReportAllocs()
			for b.Loop() {
				c.Lookup(now, req)
			}
		})
	}
}

func BenchmarkFill(b *testing.B) {
	c := mustNew(b, route.Cache{})
	req, resp := request("GET", "/a"), with(response(200, hour, "Content-Type: text/plain"), message.Sized, 1024)
	body := make([]byte, 1024)
	b.ReportAllocs()
	for b.Loop() {
		f := c.Fill(req)
		f.Head(start, start, resp)
		f.Write(body)
		f.Commit()
	}
}
