package h2

import (
	"strings"
	"testing"

	"github.com/banyanrun/banyan/internal/proxy/message"
)

// TestExtendedConnect: a server that offers it takes a CONNECT with all of a
// request's pseudo-header fields and a protocol (RFC 8441, 4), and nothing by halves.
func TestExtendedConnect(t *testing.T) {
	all := []string{":method", "CONNECT", ":protocol", "websocket", ":scheme", "https", ":path", "/chat", ":authority", "h"}
	for offered, cfg := range map[bool]Config{true: {Server: true, ExtendedConnect: true}, false: {Server: true}} {
		if out := New(cfg, &recorder{}).Out(); strings.Contains(string(out), "\x00\x08\x00\x00\x00\x01") != offered {
			t.Errorf("offered: not %v: %x", offered, out)
		}
	}
	r := newRig(t, Config{Server: true, ExtendedConnect: true})
	r.feed(r.headers(1, false, all...))
	h := r.heads[1]
	if h == nil || string(h.Method) != "CONNECT" || string(h.Upgrade) != "websocket" || string(h.Path) != "/chat" ||
		string(h.Scheme) != "https" || h.Body != message.Streamed {
		t.Fatalf("%+v", h)
	}
	r.feed(r.headers(3, false, ":method", "CONNECT", ":authority", "h:1"))
	if h := r.heads[3]; h == nil || len(h.Upgrade) > 0 || len(h.Path) > 0 {
		t.Errorf("%+v", h)
	}
	for name, pairs := range map[string][]string{
		"no path":         {":method", "CONNECT", ":protocol", "websocket", ":scheme", "https", ":authority", "h"},
		"no scheme":       {":method", "CONNECT", ":protocol", "websocket", ":path", "/", ":authority", "h"},
		"no authority":    {":method", "CONNECT", ":protocol", "websocket", ":scheme", "https", ":path", "/"},
		"protocol alone":  {":method", "CONNECT", ":protocol", "websocket", ":authority", "h:1"},
		"no protocol":     {":method", "CONNECT", ":scheme", "https", ":path", "/", ":authority", "h"},
		"other method":    {":method", "GET", ":protocol", "websocket", ":scheme", "https", ":path", "/", ":authority", "h"},
		"empty protocol":  {":method", "CONNECT", ":protocol", "", ":scheme", "https", ":path", "/", ":authority", "h"},
		"no token":        {":method", "CONNECT", ":protocol", "web socket", ":scheme", "https", ":path", "/", ":authority", "h"},
		"twice":           append([]string{":protocol", "websocket"}, all...),
		"length":          append(append([]string{}, all...), "content-length", "3"),
		"unknown scheme":  {":method", "CONNECT", ":protocol", "websocket", ":scheme", "ws", ":path", "/", ":authority", "h"},
		"tunnel, no port": {":method", "CONNECT", ":authority", "h"},
		"tunnel, address": {":method", "CONNECT", ":authority", "[::1]"},
		"tunnel, length":  {":method", "CONNECT", ":authority", "h:1", "content-length", "0"},
	} {
		r := newRig(t, Config{Server: true, ExtendedConnect: true})
		r.feed(r.headers(1, false, pairs...))
		if r.heads[1] != nil {
			t.Errorf("%s: it is a request: %+v", name, r.heads[1])
		}
	}
}

// TestTunnelHasNoTrailers: on the stream of a CONNECT nothing but DATA follows (RFC 9113, 8.5).
func TestTunnelHasNoTrailers(t *testing.T) {
	r := newRig(t, Config{Server: true})
	r.feed(r.headers(1, false, ":method", "CONNECT", ":authority", "[::1]:1"))
	r.feed(r.headers(1, true, "a", "b"))
	r.want("RST_STREAM 1 PROTOCOL_ERROR", "request 1 CONNECT false, reset 1 PROTOCOL_ERROR")
}
