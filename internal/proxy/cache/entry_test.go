package cache

import (
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/proxy/message"
	"github.com/banyanrun/banyan/internal/route"
)

func TestAnswer(t *testing.T) {
	c := mustNew(t, route.Cache{})
	resp := response(200, "Cache-Control: max-age=100", "content-type: text/plain", `ETag: "1"`, "Age: 7", "X-Custom: a",
		"X-Request-Id: 1", "Traceparent: 00-1-1-00", "Proxy-Authenticate: Basic", "Proxy-Authentication-Info: x",
		"Last-Modified: "+httpDate(start.Add(-time.Hour)), "Content-Language: en", "Vary: Accept")
	resp.AddNamed([]byte("X-Gone"), []byte("b"))
	resp.RemoveNamed("x-gone")
	f := c.Fill(request("GET", "/"))
	if !f.Head(start.Add(-3*time.Second), start, resp) || !f.Write([]byte("hel")) || !f.Write([]byte("lo")) {
		t.Fatal("not wanted")
	}
	f.Commit()
	resp.Reset()
	resp.TakeString("overwrites what was there before, which must not matter")

	now := start.Add(20*time.Second + 900*time.Millisecond)
	answer := func(lines ...string) (*message.Head, string) {
		t.Helper()
		req := request("GET", "/", lines...)
		e, s := c.Lookup(now, req)
		if s != Fresh {
			t.Fatal(s)
		}
		var to message.Head
		body := e.Answer(now, req, &to)
		return &to, string(body)
	}
	h, body := answer()
	want := "Cache-Control: max-age=100\ncontent-type: text/plain\nETag: \"1\"\nX-Custom: a\nLast-Modified: " +
		httpDate(start.Add(-time.Hour)) + "\nContent-Language: en\nVary: Accept\nDate: " + httpDate(start) + "\nAge: 30\n"
	if text(h) != want || h.Status != 200 || h.Body != message.Sized || h.Length != 5 || body != "hello" {
		t.Errorf("%d, %d bytes\n%s%s", h.Status, h.Length, text(h), body)
	}
	h, body = answer(`If-None-Match: "0", W/"1"`)
	want = "Cache-Control: max-age=100\nETag: \"1\"\nX-Custom: a\nVary: Accept\nDate: " + httpDate(start) + "\nAge: 30\n"
	if text(h) != want || h.Status != 304 || h.Body != message.None || body != "" {
		t.Errorf("%d\n%s%s", h.Status, text(h), body)
	}
	req := request("HEAD", "/")
	e, _ := c.Lookup(now, req)
	var to message.Head
	if body := e.Answer(now, req, &to); body != nil || to.Length != 5 || to.Status != 200 {
		t.Errorf("HEAD: %d, %d bytes, %s", to.Status, to.Length, body)
	}
}

func TestUnchanged(t *testing.T) {
	hour := func(n int) string { return httpDate(start.Add(time.Duration(n) * time.Hour)) }
	tagged := []string{`ETag: "a"`, "Last-Modified: " + hour(-2)}
	for _, c := range []struct {
		name   string
		status int
		resp   []string
		req    []string
		want   bool
	}{
		{"none", 200, tagged, nil, false},
		{"the tag", 200, tagged, []string{`If-None-Match: "a"`}, true},
		{"weakly", 200, tagged, []string{`If-None-Match: W/"a"`}, true},
		{"weak itself", 200, []string{`ETag: W/"a"`}, []string{`If-None-Match: "a"`}, true},
		{"in a list", 200, tagged, []string{`If-None-Match: "x,\", W/"y" , "a"`}, true},
		{"in another line", 200, tagged, []string{`If-None-Match: "x"`, `If-None-Match: "a"`}, true},
		{"any", 200, tagged, []string{"If-None-Match: *"}, true},
		{"any, without a tag", 200, nil, []string{"If-None-Match: *"}, true},
		{"another", 200, tagged, []string{`If-None-Match: "b"`}, false},
		{"no tag", 200, nil, []string{`If-None-Match: "a"`}, false},
		{"no tag in the list", 200, tagged, []string{"If-None-Match: a"}, false},
		{"a broken list", 200, tagged, []string{`If-None-Match: "b", "a`}, false},
		{"a broken tag", 200, []string{"ETag: a"}, []string{"If-None-Match: a"}, false},
		{"the tag counts alone (RFC 9110, 13.1.3)", 200, tagged, []string{`If-None-Match: "b"`, "If-Modified-Since: " + hour(0)}, false},
		{"the very date", 200, tagged, []string{"If-Modified-Since: " + hour(-2)}, true},
		{"a later date", 200, tagged, []string{"If-Modified-Since: " + hour(-1)}, true},
		{"an earlier date", 200, tagged, []string{"If-Modified-Since: " + hour(-3)}, false},
		{"in another form", 200, tagged, []string{"If-Modified-Since: " + start.Add(-2*time.Hour).Format("Monday, 02-Jan-06 15:04:05 GMT")}, true},
		{"nonsense", 200, tagged, []string{"If-Modified-Since: yesterday"}, false},
		{"empty", 200, []string{"Last-Modified:"}, []string{"If-Modified-Since:"}, false},
		{"twice", 200, tagged, []string{"If-Modified-Since: " + hour(0), "If-Modified-Since: " + hour(0)}, false},
		{"Date stands in", 200, []string{"Date: " + hour(0)}, []string{"If-Modified-Since: " + hour(0)}, true},
		{"when it came stands in", 200, nil, []string{"If-Modified-Since: " + hour(1)}, true},
		{"and is too late", 200, nil, []string{"If-Modified-Since: " + hour(-1)}, false},
		{"not found (RFC 9110, 13.2.1)", 404, tagged, []string{`If-None-Match: "a"`}, false},
	} {
		kept := mustNew(t, route.Cache{})
		put(kept, start, request("GET", "/"), response(c.status, append(c.resp, "Cache-Control: max-age=10")...), "x")
		req := request("GET", "/", c.req...)
		e, s := kept.Lookup(start, req)
		if s != Fresh {
			t.Fatalf("%s: %v", c.name, s)
		}
		if e.unchanged(req) != c.want {
			t.Errorf("%s: want %v", c.name, c.want)
		}
	}
}
