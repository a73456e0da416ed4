package cloudevent

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

func TestCheck(t *testing.T) {
	complete := func(more ...Attr) Event {
		return Event{Attrs: append([]Attr{{ID, "1"}, {Source, "/s"}, {Type, "t"}}, more...)}
	}
	many := complete()
	for i := range MaxAttrs - 2 {
		many.Set(fmt.Sprintf("a%d", i), "")
	}
	tests := []struct {
		name  string
		event Event
		want  string
		kind  Kind
	}{
		{"complete", complete(), "", 0},
		{"absolute", Event{Attrs: []Attr{{ID, "1"}, {Source, "https://github.com/cloudevents?a=b#c"}, {Type, "t"}}}, "", 0},
		{"telephone", Event{Attrs: []Attr{{ID, "1"}, {Source, "1-555-123-4567"}, {Type, "t"}}}, "", 0},
		{"mail", complete(Attr{DataSchema, "mailto:a@b"}), "", 0},
		{"time with a zone", complete(Attr{Time, "2026-01-31T12:00:00.123456789+02:00"}), "", 0},
		{"no id", Event{Attrs: []Attr{{Source, "/s"}, {Type, "t"}}}, `attribute "id": is required`, Invalid},
		{"no source", Event{Attrs: []Attr{{ID, "1"}, {Type, "t"}}}, `attribute "source": is required`, Invalid},
		{"no type", Event{Attrs: []Attr{{ID, "1"}, {Source, "/s"}}}, `attribute "type": is required`, Invalid},
		{"twice", complete(Attr{"x", ""}, Attr{"x", ""}), `attribute "x": is there twice`, Invalid},
		{"version", complete(Attr{"specversion", "1.0"}), `attribute "specversion": is not an attribute that can be set`, Invalid},
		{"value", complete(Attr{Time, "2026-01-31 12:00:00Z"}), `attribute "time": "2026-01-31 12:00:00Z" is no time as in 2026-01-31T12:00:00Z (RFC 3339)`, Invalid},
		{"many", many, "it has more than 100 attributes", EventTooLarge},
		{"large", complete(Attr{"x", strings.Repeat("x", MaxAttrBytes)}), "its attributes are 65553 bytes; at most 65536 are taken", EventTooLarge},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.event.Check()
			if tt.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if problem, ok := errors.AsType[*Error](err); !ok || problem.Kind != tt.kind || err.Error() != tt.want {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}

func TestAttributes(t *testing.T) {
	var e Event
	e.Set(ID, "1")
	e.Set(ID, "2")
	e.Default(ID, "3")
	e.Default(Type, "t")
	if got, want := text(e), "id=2 type=t | "; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if _, ok := e.Get(Source); ok {
		t.Error("it has a source")
	}
}

func TestWriteHeader(t *testing.T) {
	e := Event{Attrs: []Attr{{ID, "Euro € 😀"}, {DataContentType, "text/plain; charset=utf-8"}, {"traceparent", "00-a"}, {"x", `100% "a"`}}}
	h := http.Header{"Accept": {"*/*"}}
	e.WriteHeader(h)
	want := map[string]string{
		"Ce-Specversion": "1.0", "Ce-Id": "Euro%20%E2%82%AC%20%F0%9F%98%80", "Content-Type": "text/plain; charset=utf-8",
		"Ce-Traceparent": "00-a", "Ce-X": "100%25%20%22a%22", "Accept": "*/*",
	}
	for name, value := range want {
		if h.Get(name) != value {
			t.Errorf("%s: %s, want %s", name, h.Get(name), value)
		}
	}
	if len(h) != len(want) {
		t.Errorf("headers: %v", h)
	}
}

func TestAppend(t *testing.T) {
	tests := []struct {
		event Event
		want  string
	}{
		{Event{}, `{"specversion":"1.0"}`},
		{Event{Attrs: []Attr{{ID, `a"\é`}}}, `{"specversion":"1.0","id":"a\"\\é"}`},
		{Event{Attrs: []Attr{{DataContentType, "application/json"}}, Data: []byte(`{"a":[]}`)},
			`{"specversion":"1.0","datacontenttype":"application/json","data":{"a":[]}}`},
		{Event{Attrs: []Attr{{DataContentType, "application/json"}}, Data: []byte(`{`)},
			`{"specversion":"1.0","datacontenttype":"application/json","data_base64":"ew=="}`},
		{Event{Attrs: []Attr{{DataContentType, "text/json"}}, Data: []byte(`x`)},
			`{"specversion":"1.0","datacontenttype":"text/json","data_base64":"eA=="}`},
		{Event{Attrs: []Attr{{DataContentType, "TEXT/plain; charset=utf-8"}}, Data: []byte("a\n\"b\"\x1f")},
			`{"specversion":"1.0","datacontenttype":"TEXT/plain; charset=utf-8","data":"a\u000a\"b\"\u001f"}`},
		{Event{Attrs: []Attr{{DataContentType, "text/plain"}}, Data: []byte("\xff")},
			`{"specversion":"1.0","datacontenttype":"text/plain","data_base64":"/w=="}`},
		{Event{Data: []byte(`1`)}, `{"specversion":"1.0","data_base64":"MQ=="}`},
	}
	var events []Event
	var all []string
	for _, tt := range tests {
		if got := string(tt.event.AppendJSON(nil)); got != tt.want {
			t.Errorf("got  %s\nwant %s", got, tt.want)
		}
		events = append(events, tt.event)
		all = append(all, tt.want)
	}
	if got, want := string(AppendBatch([]byte("x"), events)), "x["+strings.Join(all, ",")+"]"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
