package view

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	banyanv1 "github.com/banyanrun/banyan/proto/banyan/v1"
)

// TraceOptions decide how traces look. Times are in Now's location.
type TraceOptions struct {
	Width int
	Color bool
	Now   time.Time
}

// Traces is the table of `banyan traces`: a row a trace.
func Traces(traces []*banyanv1.TraceSummary, o TraceOptions) []string {
	var rows []row
	for _, t := range traces {
		errors := Plain
		if t.GetErrors() > 0 {
			errors = Red
		}
		rows = append(rows, row{cells: []cell{
			{text: Clean(t.GetTraceId())}, {text: clock(t.GetStart(), o.Now), style: Dim}, {text: took(t.GetDuration().AsDuration()), right: true},
			{text: strconv.Itoa(int(t.GetSpans())), right: true}, {text: some(int64(t.GetErrors())), style: errors, right: true},
			{text: Clean(t.GetRootService()), style: ServiceStyle(t.GetRootService())}, {text: Clean(t.GetRootName())}, {text: Clean(others(t))},
		}})
	}
	return table(headings("TRACE", "STARTED", "TOOK>", "SPANS>", "ERRORS>", "BEGINS IN", "WITH", "AND IN"), rows, o.Width, o.Color)
}

// others are a trace's services but the one that it begins in.
func others(t *banyanv1.TraceSummary) string {
	var names []string
	for _, s := range t.GetServices() {
		if s.GetService() != t.GetRootService() {
			names = append(names, s.GetService())
		}
	}
	return strings.Join(names, " ")
}

// clock is the time of day, with the date if it is another one than now's.
func clock(at *timestamppb.Timestamp, now time.Time) string {
	if at == nil {
		return ""
	}
	t := at.AsTime().In(now.Location())
	if t.Format(time.DateOnly) == now.Format(time.DateOnly) {
		return t.Format("15:04:05.000")
	}
	return t.Format("2006-01-02 15:04:05.000")
}

// TraceSummaryJSON is a trace of a list as one JSON object on a line.
func TraceSummaryJSON(t *banyanv1.TraceSummary) string {
	type part struct {
		Service string `json:"service"`
		Spans   int32  `json:"spans"`
		Errors  int32  `json:"errors"`
	}
	to := struct {
		Trace    string  `json:"trace"`
		Start    string  `json:"start"`
		Seconds  float64 `json:"seconds"`
		Service  string  `json:"service"`
		Name     string  `json:"name"`
		Spans    int32   `json:"spans"`
		Errors   int32   `json:"errors"`
		Matched  int32   `json:"matched"`
		Services []part  `json:"services"`
	}{
		t.GetTraceId(), maybeStamp(t.GetStart()), t.GetDuration().AsDuration().Seconds(), t.GetRootService(), t.GetRootName(),
		t.GetSpans(), t.GetErrors(), t.GetMatched(), []part{},
	}
	for _, s := range t.GetServices() {
		to.Services = append(to.Services, part{s.GetService(), s.GetSpans(), s.GetErrors()})
	}
	return objectJSON(to)
}

// servicesOf are the services of spans, in the order in which they come in.
func servicesOf(spans []*banyanv1.Span) []string {
	var names []string
	for _, s := range spans {
		if !slices.Contains(names, s.GetService()) {
			names = append(names, s.GetService())
		}
	}
	return names
}
