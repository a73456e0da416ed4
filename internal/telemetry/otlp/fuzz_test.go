package otlp

import (
	"math"
	"testing"
	"unicode/utf8"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/banyanrun/banyan/internal/telemetry/signal"
)

func seed(f *testing.F, good ...[]byte) {
	f.Helper()
	for i, b := range good {
		f.Add(i == 1, b)
	}
	for _, c := range corpus {
		f.Add(c.text, c.body)
	}
}

func formFor(isText bool) form {
	if isText {
		return text
	}
	return binary
}

func sane(t *testing.T, r *signal.Resource, attrs signal.Attrs) {
	t.Helper()
	if r == nil || r.Service == "" || !utf8.ValidString(r.Service) {
		t.Fatalf("the resource %+v", r)
	}
	for _, a := range attrs {
		if !utf8.ValidString(a.Key) || !utf8.ValidString(a.Value.Text) {
			t.Fatalf("the attribute %q", a)
		}
	}
}

func FuzzTraces(f *testing.F) {
	seed(f, encode(f, someTraces(2), binary), encode(f, someTraces(2), text))
	f.Fuzz(func(t *testing.T, isText bool, body []byte) {
		spans, no, err := readSpans(formFor(isText), body, "order")
		if err != nil && (len(spans) > 0 || no.count > 0) {
			t.Fatal("an error, and spans")
		}
		for i := range spans {
			s := &spans[i]
			sane(t, s.Resource, s.Attrs)
			if s.Trace.IsZero() || s.ID.IsZero() || s.End < s.Start || s.Start < 0 || !utf8.ValidString(s.Name+s.Message+s.State+s.Scope.Name) {
				t.Fatalf("%+v", s)
			}
		}
	})
}

func FuzzLogs(f *testing.F) {
	b, _ := (&plog.ProtoMarshaler{}).MarshalLogs(someLogs())
	j, _ := (&plog.JSONMarshaler{}).MarshalLogs(someLogs())
	seed(f, b, j)
	f.Fuzz(func(t *testing.T, isText bool, body []byte) {
		logs, _, _ := readLogs(formFor(isText), body, "order", at)
		for i := range logs {
			l := &logs[i]
			sane(t, l.Resource, l.Attrs)
			if l.Time <= 0 || l.Severity > 24 || !utf8.ValidString(l.Text) || l.Trace.IsZero() && !l.Span.IsZero() {
				t.Fatalf("%+v", l)
			}
		}
	})
}

func FuzzMetrics(f *testing.F) {
	j, _ := (&pmetric.JSONMarshaler{}).MarshalMetrics(someMetrics())
	seed(f, encodeMetrics(f, someMetrics()), j)
	f.Fuzz(func(t *testing.T, isText bool, body []byte) {
		samples, _, _ := newReceiver(&sink{}).readMetrics(formFor(isText), body, "order")
		for i := range samples {
			s := &samples[i]
			if s.Family == nil || s.Name == "" || s.Time <= 0 || s.Start > s.Time {
				t.Fatal(write(s))
			}
			for n, l := range s.Labels {
				if l.Name == "" || l.Value == "" || !utf8.ValidString(l.Value) || n > 0 && s.Labels[n-1].Name >= l.Name {
					t.Fatal(write(s))
				}
			}
			if h := s.Histogram; h != nil && (h.Schema < minSchema || h.Schema > maxSchema || h.ZeroThreshold <= 0 || math.IsNaN(h.ZeroThreshold)) {
				t.Fatal(write(s))
			}
		}
	})
}
