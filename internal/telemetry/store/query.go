package store

import (
	"github.com/banyanrun/banyan/internal/telemetry/match"
	"github.com/banyanrun/banyan/internal/telemetry/signal"
)

// Most of a trace's spans or logs that are returned.
const Most = 50_000

// TraceQuery asks for traces that have a span that matches.
type TraceQuery struct {
	// From and To, in nanoseconds since 1970, are when such a span starts: From or
	// later, and before To. To zero: no end.
	From, To int64
	Match    match.Matcher // nil: every span
	Limit    int           // 0: 50
	// Order: the latest first, or the longest.
	SlowestFirst bool
}

// TraceResult is what a TraceQuery found.
type TraceResult struct {
	Traces []TraceSummary
	// More match than were returned, or may.
	More bool
	Scan
}

// Scan is what was looked at for an answer.
type Scan struct {
	// Records whose columns were looked at, and in how many blocks of the disk;
	// Skipped blocks are those that were left out after a look at their filters.
	Records         int64
	Blocks, Skipped int
}

// TraceSummary is a trace in a list.
type TraceSummary struct {
	Trace signal.TraceID
	// Of the root, or of the earliest span if the root is not kept.
	RootService, RootName string
	// Start of the earliest span, and End of the latest, in nanoseconds since 1970.
	Start, End    int64
	Spans, Errors int
	Matched       int            // spans
	Services      []ServiceCount // by number of spans
}

// ServiceCount is how many spans of a trace are a service's.
type ServiceCount struct {
	Service       string
	Spans, Errors int
}

// LogQuery asks for log records.
type LogQuery struct {
	// From and To, in nanoseconds since 1970: From or later, and before To. To
	// zero: no end.
	From, To    int64
	Match       match.Matcher // nil: every record
	Limit       int           // 0: 200
	OldestFirst bool
	// Cursor is the Next of an earlier answer with the same order.
	Cursor string
}

// LogResult is what a LogQuery found.
type LogResult struct {
	Logs []signal.Log
	// Next goes on where the answer ends; empty: there are no more.
	Next string
	Scan
}

// CountQuery asks how many log records there are.
type CountQuery struct {
	From, To int64         // To must be set
	Match    match.Matcher // nil: every record
	Buckets  int           // 0: 60
	Fields   []string      // whose values are counted
}

// CountResult is what a CountQuery found.
type CountResult struct {
	// Step is the length of a bucket in nanoseconds; the first begins at From.
	Step    int64
	Buckets []Bucket
	Facets  []Facet
	Total   int64
	Scan
}

// Bucket counts records by severity's name.
type Bucket struct {
	Start  int64
	Counts map[string]int64
}

// Facet counts records by a field's value.
type Facet struct {
	Field string
	// The most frequent first, at most 50.
	Values []FacetValue
}

// FacetValue is a value of a field.
type FacetValue struct {
	Value string
	Count int64
}

// Kind is spans or logs.
type Kind uint8

// The kinds.
const (
	Spans Kind = iota
	Logs
)

// Status is the state of one of the two kinds.
type Status struct {
	Kind Kind
	// Records that are kept, in blocks and before. Bytes and Limit are of the disk.
	Records      int64
	Bytes, Limit int64
	Blocks       int
	// Oldest is the earliest record's time in nanoseconds since 1970; 0: there is
	// none. Before SampledBefore a sample is kept; 0: everything is.
	Oldest, SampledBefore int64
	// Since Open: records taken in, dropped as there was no room for them, left out
	// when a block was sampled, and removed with their blocks, as too old or too many.
	TakenIn, Dropped, Sampled, Removed int64
	// Damage lists what cannot be read; Err is why nothing can be written at present.
	Damage []error
	Err    error
}
