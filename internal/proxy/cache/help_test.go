package cache

import (
	"bytes"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/proxy/message"
	"github.com/banyanrun/banyan/internal/route"
)

// start is when tests begin: a whole second, as dates in fields are.
var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func httpDate(t time.Time) string { return t.UTC().Format(http.TimeFormat) }

// fields adds lines "Name: value" to h.
func fields(h *message.Head, lines ...string) *message.Head {
	for _, l := range lines {
		name, value, _ := strings.Cut(l, ":")
		h.AddNamed(h.TakeString(name), h.TakeString(strings.TrimSpace(value)))
	}
	return h
}

func request(method, path string, lines ...string) *message.Head {
	h := &message.Head{Method: []byte(method), Authority: []byte("shop.test"), Path: []byte(path)}
	return fields(h, lines...)
}

func response(status int, lines ...string) *message.Head {
	return fields(&message.Head{Status: status, Body: message.Streamed}, lines...)
}

func mustNew(tb testing.TB, cfg route.Cache) *Cache {
	tb.Helper()
	if cfg.MaxBytes == 0 {
		cfg.MaxBytes = 1 << 20
	}
	c, err := New(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

// put offers the answer to req to c, received at now, at once.
func put(c *Cache, now time.Time, req, resp *message.Head, body string) {
	f := c.Fill(req)
	f.Head(now, now, resp)
	f.Write([]byte(body))
	f.Commit()
}

// got is what a lookup gives: "", or the state and the body.
func got(c *Cache, now time.Time, req *message.Head) string {
	e, s := c.Lookup(now, req)
	switch s {
	case Fresh:
		return "fresh " + string(e.body)
	case Stale:
		return "stale " + string(e.body)
	case Unmet:
		return "unmet"
	case Miss:
	}
	return ""
}

func text(h *message.Head) string {
	var b bytes.Buffer
	for _, f := range h.Fields {
		if f.ID != message.Removed {
			b.Write(f.Name)
			b.WriteString(": ")
			b.Write(f.Value)
			b.WriteString("\n")
		}
	}
	return b.String()
}
