package proxy

import (
	"bytes"

	"github.com/banyanrun/banyan/internal/proxy/message"
)

// dashCookie is how the names of the dashboard's cookies end: see package dash.
var dashCookie = []byte("banyan_dashboard")

// withoutDashboard takes the dashboard's cookie off a request's field Cookie: a
// browser that was led to the gateway by the dashboard's host name sends it, as
// cookies are not kept apart by port, and no service may have it.
func withoutDashboard(h *message.Head, f *message.Field) {
	if !bytes.Contains(f.Value, dashCookie) {
		return
	}
	rest, kept := f.Value, h.Space(len(f.Value))[:0]
	for len(rest) > 0 {
		var pair []byte
		pair, rest, _ = bytes.Cut(rest, []byte(";"))
		name, _, _ := bytes.Cut(pair, []byte("="))
		if bytes.HasSuffix(bytes.TrimSpace(name), dashCookie) {
			continue
		}
		if pair = bytes.TrimSpace(pair); len(kept) > 0 {
			kept = append(kept, "; "...)
		}
		kept = append(kept, pair...)
	}
	if f.Value = kept; len(kept) == 0 {
		f.ID = message.Removed
	}
}
