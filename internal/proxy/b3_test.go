package proxy

import (
	"bytes"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/banyanrun/banyan/internal/proxy/message"
)

const (
	b3Trace  = "4bf92f3577b34da6a3ce929d0e0e4736"
	b3Short  = "a3ce929d0e0e4736"
	b3Span   = "00f067aa0ba902b7"
	b3Parent = "05e3ac9a4f6e3b90"
	b3Padded = "0000000000000000" + b3Short
)

// TestB3: what comes in B3 goes on as a traceparent and in the form that it came in.
// In what is wanted, S is our span, and T is a trace that begins here.
func TestB3(t *testing.T) {
	type fields = map[string]string
	for name, c := range map[string]struct {
		in   []string
		want fields
	}{
		"single": {
			[]string{"b3", b3Trace + "-" + b3Span + "-1-" + b3Parent},
			fields{"Traceparent": "00-" + b3Trace + "-S-01", "B3": b3Trace + "-S-1-" + b3Span},
		},
		"single, not decided": {
			[]string{"B3", b3Trace + "-" + b3Span},
			fields{"Traceparent": "00-" + b3Trace + "-S-01", "B3": b3Trace + "-S-1-" + b3Span},
		},
		"single, not sampled, 64 bits": {
			[]string{"b3", b3Short + "-" + b3Span + "-0"},
			fields{"Traceparent": "00-" + b3Padded + "-S-00", "B3": b3Short + "-S-0-" + b3Span},
		},
		"single, debug": {
			[]string{"b3", strings.ToUpper(b3Trace) + "-" + b3Span + "-d"},
			fields{"Traceparent": "00-" + b3Trace + "-S-01", "B3": b3Trace + "-S-d-" + b3Span},
		},
		"deny":                    {[]string{"b3", "0"}, fields{"Traceparent": "00-T-S-00", "B3": "T-S-0"}},
		"accept":                  {[]string{"b3", "1"}, fields{"Traceparent": "00-T-S-01", "B3": "T-S-1"}},
		"debug alone":             {[]string{"b3", "d"}, fields{"Traceparent": "00-T-S-01", "B3": "T-S-d"}},
		"broken":                  {[]string{"b3", b3Trace + "-" + b3Span + "-x"}, fields{"Traceparent": "00-T-S-01", "B3": "T-S-1"}},
		"broken parent":           {[]string{"b3", b3Trace + "-" + b3Span + "-0-1"}, fields{"Traceparent": "00-T-S-01", "B3": "T-S-1"}},
		"broken ids":              {[]string{"b3", b3Trace + "-0000000000000000-0"}, fields{"Traceparent": "00-T-S-01", "B3": "T-S-1"}},
		"empty":                   {[]string{"b3", ""}, fields{"Traceparent": "00-T-S-01", "B3": "T-S-1"}},
		"single twice":            {[]string{"b3", b3Trace + "-" + b3Span, "b3", "0"}, fields{"Traceparent": "00-T-S-01", "B3": "T-S-1"}},
		"with a stray tracestate": {[]string{"b3", "0", "Tracestate", "a=b"}, fields{"Traceparent": "00-T-S-00", "B3": "T-S-0"}},
		"many": {
			[]string{"X-B3-TraceId", b3Trace, "X-B3-SpanId", b3Span, "X-B3-ParentSpanId", b3Parent, "X-B3-Sampled", "1"},
			fields{"Traceparent": "00-" + b3Trace + "-S-01", "X-B3-Traceid": b3Trace, "X-B3-Spanid": "S", "X-B3-Parentspanid": b3Span, "X-B3-Sampled": "1"},
		},
		"many, not decided, 64 bits": {
			[]string{"x-b3-traceid", b3Short, "x-b3-spanid", b3Span},
			fields{"Traceparent": "00-" + b3Padded + "-S-01", "X-B3-Traceid": b3Short, "X-B3-Spanid": "S", "X-B3-Parentspanid": b3Span, "X-B3-Sampled": "1"},
		},
		"many, debug": {
			[]string{"X-B3-TraceId", b3Trace, "X-B3-SpanId", b3Span, "X-B3-Flags", "1", "X-B3-Sampled", "0"},
			fields{"Traceparent": "00-" + b3Trace + "-S-01", "X-B3-Traceid": b3Trace, "X-B3-Spanid": "S", "X-B3-Parentspanid": b3Span, "X-B3-Flags": "1"},
		},
		"many, denied by a word": {
			[]string{"X-B3-Sampled", "False", "X-B3-Flags", "0"},
			fields{"Traceparent": "00-T-S-00", "X-B3-Traceid": "T", "X-B3-Spanid": "S", "X-B3-Sampled": "0"},
		},
		"many without a span": {
			[]string{"X-B3-TraceId", b3Trace, "X-B3-ParentSpanId", b3Parent},
			fields{"Traceparent": "00-T-S-01", "X-B3-Traceid": "T", "X-B3-Spanid": "S", "X-B3-Sampled": "1"},
		},
		"both forms": {
			[]string{"b3", b3Trace + "-" + b3Span + "-0", "X-B3-TraceId", b3Short, "X-B3-SpanId", b3Parent, "X-B3-Sampled", "1"},
			fields{
				"Traceparent": "00-" + b3Trace + "-S-00", "B3": b3Trace + "-S-0-" + b3Span,
				"X-B3-Traceid": b3Trace, "X-B3-Spanid": "S", "X-B3-Parentspanid": b3Span, "X-B3-Sampled": "0",
			},
		},
		"behind a traceparent": {
			[]string{"Traceparent", sample[:53] + "00", "Tracestate", "a=b", "b3", b3Short + "-" + b3Parent + "-d"},
			fields{"Traceparent": "00-" + b3Trace + "-S-00", "Tracestate": "a=b", "B3": b3Trace + "-S-0-" + b3Span},
		},
		"behind a broken traceparent": {
			[]string{"Traceparent", "x", "b3", b3Trace + "-" + b3Span + "-1"},
			fields{"Traceparent": "00-" + b3Trace + "-S-01", "B3": b3Trace + "-S-1-" + b3Span},
		},
	} {
		h := headOf(c.in...)
		id := continueTrace(h)
		got := flat(h)
		for k, v := range got {
			v = strings.ReplaceAll(v, string(id.span), "S")
			if id.parent == nil {
				v = strings.ReplaceAll(v, string(id.trace), "T")
			}
			got[k] = v
		}
		if !maps.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

// flat is the head's fields, of which none comes twice.
func flat(h *message.Head) map[string]string {
	all := map[string]string{}
	for k, v := range h.Header() {
		all[http.CanonicalHeaderKey(k)] = strings.Join(v, " AND ")
	}
	return all
}

func FuzzB3(f *testing.F) {
	f.Add(b3Trace+"-"+b3Span+"-1-"+b3Parent, b3Trace, b3Span, "1", "1")
	f.Add("d", b3Short, b3Span, "false", "")
	f.Add("", "", "", "", "")
	f.Fuzz(func(t *testing.T, single, trace, span, sampled, flags string) {
		h := new(message.Head)
		add := func(id message.ID, v string) {
			if v != "" {
				h.Add(id, []byte(v))
			}
		}
		add(message.B3, single)
		add(message.XB3TraceID, trace)
		add(message.XB3SpanID, span)
		add(message.XB3Sampled, sampled)
		add(message.XB3Flags, flags)
		was := readB3(h)
		had := [2]bool{h.Has(message.B3), len(h.Fields) > 0 && (single == "" || len(h.Fields) > 1)}
		id := continueTrace(h)
		w3c, ok := parseTraceparent(h.Get(message.Traceparent))
		if !ok || h.Has(message.B3) != had[0] || h.Has(message.XB3TraceID) != had[1] || !bytes.Equal(w3c.span, id.span) {
			t.Fatal(flat(h))
		}
		if len(h.Fields) == 1 {
			return
		}
		if was.trace != nil && (!bytes.HasSuffix(w3c.trace, bytes.ToLower(was.trace)) || !bytes.EqualFold(id.parent, was.span)) {
			t.Fatal(was, flat(h))
		}
		if w3c.sampled != (was.sampled || !was.decided) {
			t.Fatal(was, flat(h))
		}
		for _, form := range []message.ID{message.B3, message.XB3TraceID} { // each form alone says all of it
			if only := h.Has(form); !only {
				continue
			}
			said := *h
			said.Fields = fieldsOf(h, form)
			b := readB3(&said)
			if b.debug != was.debug || !b.decided || b.sampled != w3c.sampled || !bytes.HasSuffix(w3c.trace, b.trace) || !bytes.Equal(b.span, id.span) {
				t.Fatal(was, b, flat(&said))
			}
		}
	})
}

// fieldsOf are the fields of one form.
func fieldsOf(h *message.Head, form message.ID) []message.Field {
	var fields []message.Field
	for _, f := range h.Fields {
		if (f.ID == message.B3) == (form == message.B3) {
			fields = append(fields, f)
		}
	}
	return fields
}

func traceHeads() map[string][]string {
	plain := []string{"Host", "x", "User-Agent", "test", "Accept", "*/*", "X-Custom", "1"}
	with := func(more ...string) []string { return append(slices.Clip(plain), more...) }
	return map[string][]string{
		"none": plain, "w3c": with("Traceparent", sample), "b3 single": with("b3", b3Trace+"-"+b3Span+"-1-"+b3Parent),
		"b3 multi": with("X-B3-TraceId", b3Short, "X-B3-SpanId", b3Span, "X-B3-ParentSpanId", b3Parent, "X-B3-Sampled", "1"),
	}
}

func TestTraceAllocatesNothing(t *testing.T) {
	for name, fields := range traceHeads() {
		from, h := headOf(fields...), new(message.Head)
		once := func() {
			from.CopyTo(h)
			continueTrace(h)
		}
		for range 10 { // until the head's arena has grown
			once()
		}
		if n := testing.AllocsPerRun(100, once); n > 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

// BenchmarkTrace is what a request's trace costs, with a copy of its head.
func BenchmarkTrace(b *testing.B) {
	for name, fields := range traceHeads() {
		b.Run(name, func(b *testing.B) {
			from, h := headOf(fields...), new(message.Head)
			b.ReportAllocs()
			for b.Loop() {
				from.CopyTo(h)
				continueTrace(h)
			}
		})
	}
}
