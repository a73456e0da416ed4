package filter_test

import (
	"reflect"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/telemetry/filter"
	"github.com/banyanrun/banyan/internal/telemetry/match"
	"github.com/banyanrun/banyan/internal/telemetry/signal"
)

func parse(tb testing.TB, text string, of filter.Signal) *filter.Filter {
	tb.Helper()
	f, err := filter.Parse(text, of)
	if err != nil {
		tb.Fatal(err)
	}
	return f
}

var charge = &signal.Span{
	Trace: signal.TraceID{15: 1}, ID: signal.SpanID{7: 2}, Parent: signal.SpanID{7: 3},
	Name: "POST /charges", Kind: signal.KindClient, End: int64(250 * time.Millisecond),
	Status: signal.StatusError, Message: "Card declined",
	Resource: &signal.Resource{
		Service: "order", Instance: "order-1", Revision: "r1",
		Attrs: signal.Attrs{{Key: "host.name", Value: signal.Text("mac")}, {Key: "peer.service", Value: signal.Text("nobody")}},
	},
	Scope: signal.Scope{Name: signal.ScopeDataPlane},
	Attrs: signal.Attrs{
		{Key: "peer.service", Value: signal.Text("payment")}, {Key: "http.response.status_code", Value: signal.Integer(402)},
		{Key: "ratio", Value: signal.Number(0.5)}, {Key: "retry", Value: signal.Truth(true)}, {Key: "took", Value: signal.Text("1.5s")},
		{Key: "version", Value: signal.Text("1.10")}, {Key: "size", Value: signal.Text("17")}, {Key: "status", Value: signal.Text("odd")},
		{Key: "empty", Value: signal.Text("")},
	},
	Events: []signal.Event{{Name: "exception", Attrs: signal.Attrs{{Key: "exception.type", Value: signal.Text("DeclinedError")}}}},
}

func TestSpan(t *testing.T) {
	for text, want := range map[string]bool{
		"":                       true,
		"service=order":          true,
		"service=Order":          false,
		"service=ord*":           true,
		"service=*der":           true,
		"service=o*d*r":          true,
		"service=o*dd*r":         false,
		`service="ord*"`:         false,
		"service~RDE":            true,
		"service!~RDE":           false,
		"service~/^ord/":         true,
		"service~/^ORD/":         false,
		"service~/^ORD/i":        true,
		"service.name=order":     true,
		"instance=order-1":       true,
		"revision!=r1":           false,
		"scope=banyan.dataplane": true,
		"name=POST*":             true,
		"kind=client":            true,
		"kind=server":            false,
		"kind=*":                 true,
		"status=error":           true,
		"status!=ok":             true,
		"message~declined":       true,
		"duration>200ms":         true,
		"duration>250ms":         false,
		"duration>=0.25s":        true,
		"duration<1d":            true,
		"duration=250ms":         true,
		"duration!=250ms":        false,
		"trace=1":                true,
		"trace=2":                false,
		"span=0000000000000002":  true,
		"parent=3":               true,
		"not parent=*":           false,

		// An attribute of the span goes before one of its resource.
		"peer.service=payment": true,
		"peer.service=nobody":  false,
		"host.name=mac":        true,
		"host.name=*":          true,
		"user.id=*":            false,
		"user.id!=5":           true,
		"-user.id=5":           true,
		"empty=*":              true,
		`empty=""`:             true,
		`user.id=""`:           false,

		// Numbers are compared as such, whatever they are written like.
		"http.response.status_code=402":                                true,
		"http.response.status_code=402.0":                              true,
		`http.response.status_code="402.0"`:                            false,
		`http.response.status_code="402"`:                              true,
		"http.response.status_code=4*":                                 true,
		"http.response.status_code~02":                                 true,
		"http.response.status_code>=400 http.response.status_code<500": true,
		"http.response.status_code>1s":                                 false,
		"ratio=0.5":                                                    true,
		"ratio=5e-1":                                                   true,
		"ratio<1":                                                      true,
		"retry=true":                                                   true,
		"retry=false":                                                  false,
		"retry>0":                                                      false,
		"size>9":                                                       true,
		"took>900ms":                                                   true,
		"took>2s":                                                      false,
		"version>=1.9":                                                 false,
		`version>="1.1"`:                                               true,

		// A name in quotes is an attribute.
		`"status"=odd`:   true,
		`"status"=error`: false,

		"declined":             true,
		"PAYMENT":              true,
		"402":                  true,
		"declinederror":        true,
		"exception":            true,
		"mac":                  false, // resources are no text
		`"card declined"`:      true,
		`text="POST /charges"`: true,
		"text~/^Card/":         true,
		"text!~card":           false,
		"text=*":               true,

		"service=x or status=error":     true,
		"service=x or -status=error":    false,
		"(service=x or ratio=0.5) true": true,
	} {
		if got := parse(t, text, filter.Spans).Span(charge); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
	if parse(t, "service=order", filter.Spans).Log(&signal.Log{Resource: charge.Resource}) {
		t.Error("a filter of spans takes a log record")
	}
	var none *filter.Filter
	if !none.Span(charge) || none.String() != "" || !none.Plan().Exact {
		t.Error("no filter takes no span")
	}
}

func TestLog(t *testing.T) {
	l := &signal.Log{
		Severity: signal.SeverityWarn + 2, Text: "Zahlung für Äpfel: TIMEOUT after 5s", Resource: &signal.Resource{Service: "order"},
		Attrs: signal.Attrs{{Key: "status", Value: signal.Integer(504)}, {Key: "duration", Value: signal.Text("5s")}},
	}
	for text, want := range map[string]bool{
		"severity=warn":            true,
		"severity>=warn":           true,
		"level>=WARNING":           true,
		"severity>warn":            false,
		"severity>info":            true,
		"severity<=warn":           true,
		"severity<warn":            false,
		"severity!=warn":           false,
		"severity=*":               true,
		"timeout":                  true,
		"timeouts":                 false,
		`"timeout AFTER"`:          true,
		"äpfel":                    true,
		"FÜR":                      true,
		"für ÄPFEL timeout -xyz":   true,
		"504":                      false, // attributes are no text of a log record
		"status=504":               true,
		"duration>=5s":             true,
		"trace=*":                  false,
		"body~zahlung message~5s":  true,
		"service=order or banana":  true,
		"service!=order or banana": false,
	} {
		if got := parse(t, text, filter.Logs).Log(l); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
	l.Severity = 0
	for text, want := range map[string]bool{
		"severity<error": false, "severity>=trace": false, "severity=*": false, "severity!=warn": true, "not severity=*": true,
	} {
		if got := parse(t, text, filter.Logs).Log(l); got != want {
			t.Errorf("%s without one: %v", text, got)
		}
	}
}

func TestPlan(t *testing.T) {
	equal := func(field, text string) match.Need { return match.Need{Field: field, Text: text} }
	word := func(text string) match.Need { return match.Need{Condition: match.Word, Text: text} }
	atLeast := func(field string, n int64) match.Need {
		return match.Need{Condition: match.AtLeast, Field: field, Number: n}
	}
	for _, c := range []struct {
		of   filter.Signal
		text string
		want match.Plan
	}{
		{filter.Spans, "", match.Plan{Exact: true, Reads: []string{}}},
		{filter.Spans, "service=order status=error http.route=/x code=500 duration>=100ms", match.Plan{
			Needs: []match.Need{equal("service", "order"), equal("status", "error"), equal("http.route", "/x"), equal("code", "500"), atLeast("duration", 1e8)},
			Exact: true, Reads: []string{"code", "duration", "http.route", "service", "status"},
		}},
		{filter.Spans, "duration>1ms trace=ff", match.Plan{
			Needs: []match.Need{atLeast("duration", 1e6+1), equal("trace", "000000000000000000000000000000ff")},
			Exact: true, Reads: []string{"duration", "trace"},
		}},
		{filter.Spans, "duration=1ms duration<2ms", match.Plan{Needs: []match.Need{atLeast("duration", 1e6)}, Reads: []string{"duration"}}},
		{filter.Spans, "a!=1 b~x c=1* d=5.0 e=*", match.Plan{Reads: []string{"a", "b", "c", "d", "e"}}},
		{filter.Spans, "a=1 (b=2 c=3 or c=3 d=4)", match.Plan{Needs: []match.Need{equal("a", "1"), equal("c", "3")}, Reads: []string{"a", "b", "c", "d"}}},
		{filter.Spans, "a=1 not b=2", match.Plan{Needs: []match.Need{equal("a", "1")}, Reads: []string{"a", "b"}}},
		{filter.Spans, "service=order timeout", match.Plan{Needs: []match.Need{equal("service", "order")}}},
		{filter.Logs, `severity>=warn "the connection refused by" service=order`, match.Plan{
			Needs: []match.Need{atLeast("severity", 13), word("connection"), word("refused"), equal("service", "order")},
			Reads: []string{"service", "severity", "text"},
		}},
		{filter.Logs, "severity>warn severity=error", match.Plan{
			Needs: []match.Need{atLeast("severity", 17), equal("severity", "error")}, Exact: true, Reads: []string{"severity"},
		}},
		// What is a field of spans only is an attribute of log records, and the other way round.
		{filter.Logs, "status=504 duration>=5s name=x kind=y", match.Plan{
			Needs: []match.Need{equal("status", "504"), equal("name", "x"), equal("kind", "y")}, Reads: []string{"duration", "kind", "name", "status"},
		}},
		{filter.Spans, "severity=warn", match.Plan{Needs: []match.Need{equal("severity", "warn")}, Exact: true, Reads: []string{"severity"}}},
		{filter.Logs, "text~/a b c/ or timeout", match.Plan{Reads: []string{"text"}}},
	} {
		got := parse(t, c.text, c.of).Plan()
		if len(got.Needs) == 0 {
			got.Needs = nil
		}
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s:\n got %+v\nwant %+v", c.text, got, c.want)
		}
	}
}

func TestNothingIsAllocated(t *testing.T) {
	f := parse(t, `service=order duration>1ms http.response.status_code>=400 size>9 took>1ms peer.service=pay* nothing 40 or "card ÄDECLINED" or trace=5`, filter.Spans)
	if n := testing.AllocsPerRun(100, func() { f.Span(charge) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkText(b *testing.B) {
	f := parse(b, "timeout", filter.Logs)
	l := &signal.Log{Resource: charge.Resource, Text: `2026-11-21T14:00:00Z INFO request finished method=GET path=/orders/1001 status=200 took=12ms caller=gateway tenant=t-17`}
	b.SetBytes(int64(len(l.Text)))
	for b.Loop() {
		f.Log(l)
	}
}

func BenchmarkSpan(b *testing.B) {
	f := parse(b, "service=order status=error http.response.status_code>=500", filter.Spans)
	for b.Loop() {
		f.Span(charge)
	}
}
