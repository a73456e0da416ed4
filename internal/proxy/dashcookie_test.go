package proxy

import (
	"testing"

	"github.com/banyanrun/banyan/internal/proxy/message"
)

func TestDashboardCookieStaysHere(t *testing.T) {
	for sent, want := range map[string]string{
		"a=b": "a=b", "": "",
		"banyan_dashboard=secret":                             "",
		"a=b; banyan_dashboard=secret":                        "a=b",
		"banyan_dashboard=secret; a=b; c=d":                   "a=b; c=d",
		"a=b;  __Host-banyan_dashboard=secret;c=d":            "a=b; c=d",
		" banyan_dashboard =secret;":                          "",
		"a=banyan_dashboard":                                  "a=banyan_dashboard",
		"banyan_dashboard=1; banyan_dashboard=2; x=y; z":      "x=y; z",
		"banyan_dashboard_mode=dark; theme=light; empty=; a=": "banyan_dashboard_mode=dark; theme=light; empty=; a=",
	} {
		f := &message.Field{ID: message.Cookie, Value: []byte(sent)}
		withoutDashboard(&message.Head{}, f)
		if string(f.Value) != want || (f.ID == message.Removed) != (want == "" && sent != "") {
			t.Errorf("%q: %q, want %q", sent, f.Value, want)
		}
	}
}
