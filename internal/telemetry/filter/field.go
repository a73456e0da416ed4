package filter

import (
	"slices"
	"strings"
)

// Signal is what a filter is about.
type Signal uint8

// The signals.
const (
	Spans Signal = iota + 1
	Logs
)

// String is spans or logs.
func (s Signal) String() string {
	if s == Logs {
		return "logs"
	}
	return "spans"
}

// Field is what a filter knows a record to have, beside its attributes.
type Field struct {
	Name, Detail string
	id           field
	// aliases are other names by which people know it.
	aliases []string
}

type field uint8

const (
	attribute field = iota
	service
	instance
	revision
	scope
	trace
	span
	text
	name     // of spans from here on
	kind     //
	status   //
	duration //
	parent   //
	message  //
	severity // of logs
)

var common = []Field{
	{Name: "service", Detail: "the service that it comes from", id: service, aliases: []string{"service.name"}},
	{Name: "instance", Detail: "the service's instance", id: instance},
	{Name: "revision", Detail: "the service's revision", id: revision},
	{Name: "scope", Detail: "the library that made it", id: scope},
}

var ofSpans = append([]Field{
	{Name: "name", Detail: "the operation", id: name},
	{Name: "status", Detail: "ok, error or unset", id: status},
	{Name: "duration", Detail: "how long it took: 200ms, 1.5s", id: duration},
	{Name: "kind", Detail: "client, server, producer, consumer, internal or unspecified", id: kind},
	{Name: "message", Detail: "what it says of its status", id: message},
	{Name: "trace", Detail: "the trace's id", id: trace},
	{Name: "span", Detail: "its own id", id: span},
	{Name: "parent", Detail: "the id of the span that it is part of", id: parent},
	{Name: "text", Detail: "name, message, values of attributes, events", id: text},
}, common...)

var ofLogs = append([]Field{
	{Name: "severity", Detail: "trace, debug, info, warn, error or fatal", id: severity, aliases: []string{"level"}},
	{Name: "text", Detail: "what it says", id: text, aliases: []string{"body", "message"}},
	{Name: "trace", Detail: "the id of the trace that it belongs to", id: trace},
	{Name: "span", Detail: "the id of the span that it belongs to", id: span},
}, common...)

// Fields are the fields of a signal, the ones that are asked for most at first.
func Fields(of Signal) []Field {
	if of == Logs {
		return ofLogs
	}
	return ofSpans
}

// fieldOf is the field with a name, in upper or lower case; an attribute if there
// is none.
func fieldOf(of Signal, name string) field {
	for _, f := range Fields(of) {
		if is := func(other string) bool { return strings.EqualFold(other, name) }; is(f.Name) || slices.ContainsFunc(f.aliases, is) {
			return f.id
		}
	}
	return attribute
}

func nameOf(of Signal, id field) string {
	for _, f := range Fields(of) {
		if f.id == id {
			return f.Name
		}
	}
	return ""
}

var (
	severityWords = []string{"trace", "debug", "info", "warn", "error", "fatal"}
	kindWords     = []string{"unspecified", "internal", "server", "client", "producer", "consumer"}
	statusWords   = []string{"unset", "ok", "error"}
)

// op is an operator.
type op uint8

const (
	equal op = iota + 1
	unequal
	contains
	lacks
	less
	atMost
	more
	atLeast
)

var opNames = [...]string{equal: "=", unequal: "!=", contains: "~", lacks: "!~", less: "<", atMost: "<=", more: ">", atLeast: ">="}

func (o op) String() string { return opNames[o] }

// opOf is the operator that is written so; 0: there is none.
func opOf(text string) op {
	for o := equal; o <= atLeast; o++ {
		if opNames[o] == text {
			return o
		}
	}
	return 0
}

// negated reports whether it holds where its opposite does not.
func (o op) negated() bool { return o == unequal || o == lacks }

// ordered reports whether it compares by size.
func (o op) ordered() bool { return o >= less }

// holds is the operator for what compares so (-1, 0, 1).
func (o op) holds(compared int) bool {
	switch o {
	case less:
		return compared < 0
	case atMost:
		return compared <= 0
	case more:
		return compared > 0
	case atLeast:
		return compared >= 0
	default:
		return compared == 0
	}
}

// meant are operators of other languages, and what they are here.
var meant = map[string]string{"==": "=", "===": "=", "<>": "!=", "!==": "!=", "=<": "<=", "=>": ">=", "=!": "!="}

// allowed are the operators of a field, as completion offers them.
func allowed(f field) []op {
	switch f {
	case duration, severity:
		return []op{atLeast, equal, less, more, atMost, unequal}
	case kind, status, trace, span, parent:
		return []op{equal, unequal}
	case attribute:
		return []op{equal, contains, unequal, lacks, more, atLeast, less, atMost}
	case text:
		return []op{contains, lacks, equal, unequal}
	default:
		return []op{equal, contains, unequal, lacks}
	}
}
