package cloudevent

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// roundTrip: what was taken keeps to the rules, and is the same event after it was
// written and read in each mode.
func roundTrip(t *testing.T, e Event) {
	t.Helper()
	e.Default(ID, "1")
	e.Default(Source, "/")
	e.Default(Type, "t")
	if err := e.Check(); err != nil {
		t.Fatalf("taken, but: %v", err)
	}
	h := http.Header{}
	e.WriteHeader(h)
	for name, values := range h {
		if strings.ContainsFunc(values[0], func(r rune) bool { return r < 0x20 || r == 0x7f }) || name != contentType && strings.ContainsAny(values[0], "\" €") {
			t.Errorf("header %s: %q", name, values[0])
		}
	}
	same(t, e, one(t, h, string(e.Data)))
	text := e.AppendJSON(nil)
	if !json.Valid(text) {
		t.Fatalf("no JSON: %s", text)
	}
	if again := structured(t, string(text)); !json.Valid(e.Data) { // else white space around it may be gone
		same(t, e, again)
	}
	batch, _, err := Decode(header("Content-Type: "+BatchType), AppendBatch(nil, []Event{e, e}), Limits{})
	if err != nil || len(batch) != 2 {
		t.Errorf("batch of %s: %v", text, err)
	}
}

func same(t *testing.T, a, b Event) {
	t.Helper()
	byName := func(a, b Attr) int { return strings.Compare(a.Name, b.Name) }
	a.Attrs, b.Attrs = slices.SortedFunc(slices.Values(a.Attrs), byName), slices.SortedFunc(slices.Values(b.Attrs), byName)
	if text(a) != text(b) {
		t.Errorf("%q became %q", text(a), text(b))
	}
}

func FuzzBinary(f *testing.F) {
	f.Add("x", "Euro%20%E2%82%AC%20%F0%9F%98%80", "text/plain", []byte("a"))
	f.Add("subject", `"a b\"c"`, "application/json", []byte("{}"))
	f.Add("source", "https://a/%2F", "", []byte{})
	f.Add("time", "2026-01-31T12:00:00Z", "a/b; c=d", []byte("\xff"))
	f.Fuzz(func(t *testing.T, name, value, mediaType string, body []byte) {
		h := http.Header{"Ce-Specversion": {"1.0"}, http.CanonicalHeaderKey("ce-" + name): {value}}
		if mediaType != "" {
			h["Content-Type"] = []string{mediaType}
		}
		events, _, err := Decode(h, body, Limits{})
		if err != nil {
			return
		}
		for _, e := range events {
			roundTrip(t, e)
		}
	})
}

func FuzzJSON(f *testing.F) {
	f.Add([]byte(`{"specversion":"1.0","id":"1","source":"/s","type":"t","time":"2026-01-31T12:00:00Z","data":{"a":[1,"]"]}}`))
	f.Add([]byte(`{"specversion":"1.0","datacontenttype":"text/plain","data":"\ud83d\ude00\u0000"}`))
	f.Add([]byte(`{"specversion":"1.0","data_base64":"AAEC","a":true,"b":-5,"c":null}`))
	f.Add([]byte(`{"specversion":"1.0","datacontenttype":"text/json","data":" "}`))
	f.Add([]byte(`[{"specversion":"1.0"} , {"specversion":"1.0","x":"\\\"\/"}]`))
	f.Fuzz(func(t *testing.T, body []byte) {
		mediaType := StructuredType
		if len(body) > 0 && body[0] == '[' {
			mediaType = BatchType
		}
		events, _, err := Decode(header("Content-Type: "+mediaType), body, Limits{Events: 100, Data: 1 << 16})
		if err != nil {
			return
		}
		for _, e := range events {
			roundTrip(t, e)
		}
	})
}
