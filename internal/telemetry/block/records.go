package block

import (
	"github.com/banyanrun/banyan/internal/telemetry/signal"
)

// Records are spans or log records that can be searched. Rows are numbers from 0;
// methods that take some want them in ascending order.
type Records interface {
	Meta() Meta
	// May reports whether a record can match, as far as filters tell.
	May(q *Query) (bool, error)
	// MayTrace reports whether there can be a record of a trace.
	MayTrace(id signal.TraceID) (bool, error)
	// Select returns the rows that match.
	Select(q *Query) ([]uint32, error)
	// OfTrace returns a trace's rows.
	OfTrace(id signal.TraceID) ([]uint32, error)
	// Spans and Logs call yield with each row's record until it returns false.
	Spans(rows []uint32, want Want, yield func(row uint32, s *signal.Span) bool) error
	Logs(rows []uint32, want Want, yield func(row uint32, l *signal.Log) bool) error
	// Traces returns the traces of rows of spans.
	Traces(rows []uint32) ([]Part, error)
	// Summary returns what is known of a trace's spans; nil: there are none.
	Summary(id signal.TraceID) (*Summary, error)
	// Times returns the rows' starts.
	Times(rows []uint32) ([]int64, error)
	// Fields calls yield with the name of each attribute, and Values with values of a
	// field as they are written, until it returns false. They may repeat.
	Fields(yield func(name string) bool) error
	Values(field string, yield func(value string) bool) error
}

var (
	_ Records = (*Builder)(nil)
	_ Records = (*Reader)(nil)
)

// Want says how records are to be read.
type Want struct {
	// Reads are the fields that are wanted; nil: all. Others may be missing.
	Reads []string
	// Reuse: a record is the caller's only until the next one.
	Reuse bool
}

// Part is what is known of a trace in a list, without its columns.
type Part struct {
	Trace      signal.TraceID
	Start, End int64
	Matched    int // rows
}

// Summary is what a trace's spans come to.
type Summary struct {
	Trace signal.TraceID
	// Of the span without a parent or, if Rooted is false, the earliest.
	RootService, RootName string
	RootStart             int64
	Rooted                bool
	Start, End            int64
	Spans, Errors         int
	Services              []Service // in no order

	root int // the row, among the trace's
}

// Service is how many of a trace's spans are a service's.
type Service struct {
	Name          string
	Spans, Errors int
}

// count adds a span to the services.
func (s *Summary) count(service string, failed bool) {
	at := -1
	for i := range s.Services {
		if s.Services[i].Name == service {
			at = i
			break
		}
	}
	if at < 0 {
		at = len(s.Services)
		s.Services = append(s.Services, Service{Name: service})
	}
	s.Spans++
	s.Services[at].Spans++
	if failed {
		s.Errors++
		s.Services[at].Errors++
	}
}

// Merge adds what another block has of the same trace.
func (s *Summary) Merge(o *Summary) {
	if o.Rooted && !s.Rooted || o.Rooted == s.Rooted && o.RootStart < s.RootStart {
		s.RootService, s.RootName, s.RootStart, s.Rooted = o.RootService, o.RootName, o.RootStart, o.Rooted
	}
	s.Start, s.End = min(s.Start, o.Start), max(s.End, o.End)
	s.Spans += o.Spans
	s.Errors += o.Errors
	for _, add := range o.Services {
		found := false
		for i := range s.Services {
			if s.Services[i].Name == add.Name {
				s.Services[i].Spans += add.Spans
				s.Services[i].Errors += add.Errors
				found = true
			}
		}
		if !found {
			s.Services = append(s.Services, add)
		}
	}
}
