package cloudevent

import (
	"net/http"
	"strings"
	"testing"
)

// header makes a header of "Name: value" lines.
func header(lines ...string) http.Header {
	h := http.Header{}
	for _, line := range lines {
		name, value, _ := strings.Cut(line, ": ")
		h.Add(name, value)
	}
	return h
}

// binaryHeader is that of a complete event, and the lines.
func binaryHeader(lines ...string) http.Header {
	return header(append([]string{"ce-specversion: 1.0", "ce-id: 1", "ce-source: /s", "ce-type: t"}, lines...)...)
}

// one decodes what must be one event.
func one(t *testing.T, h http.Header, body string) Event {
	t.Helper()
	events, _, err := Decode(h, []byte(body), Limits{})
	if err != nil {
		t.Fatalf("Decode(%v, %s): %v", h, body, err)
	}
	if len(events) != 1 {
		t.Fatalf("%d events, want 1", len(events))
	}
	return events[0]
}

func structured(t *testing.T, body string) Event {
	t.Helper()
	return one(t, header("Content-Type: "+StructuredType), body)
}

// text shows an event in one line.
func text(e Event) string {
	var b strings.Builder
	for _, a := range e.Attrs {
		b.WriteString(a.Name + "=" + a.Value + " ")
	}
	return b.String() + "| " + string(e.Data)
}
