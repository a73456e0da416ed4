// Package fault is Banyan's one error type: a code, what happened, where, and
// what to do about it. Codes are mapped to HTTP status, gRPC status and exit
// codes only at the edges; this package knows none of them.
package fault

import (
	"errors"
	"fmt"
)

// Code says what kind of failure it is, for programs.
type Code string

// The codes. Each has one meaning and one mapping at every edge.
const (
	Invalid     Code = "invalid"     // the request or the app file is wrong
	NotFound    Code = "not-found"   // no such service, instance, app
	Conflict    Code = "conflict"    // it clashes with what is there: a port, another daemon
	Unavailable Code = "unavailable" // it cannot be had now; trying again may help
	Timeout     Code = "timeout"     // it took longer than was allowed
	Denied      Code = "denied"      // not permitted
	Damaged     Code = "damaged"     // stored data does not match its checksum
	Internal    Code = "internal"    // a defect of Banyan
)

// Error is a failure that a person can act on.
type Error struct {
	Code Code
	// What happened, in a sentence without a full stop.
	What string
	// Where: a file:line:column, a service, a path. May be empty.
	Where string
	// Do is what to do about it. May be empty.
	Do string
	// Err is the cause. May be nil.
	Err error
}

// New returns an error with a formatted What.
func New(code Code, format string, args ...any) *Error {
	e := fmt.Errorf(format, args...)
	return &Error{Code: code, What: e.Error(), Err: errors.Unwrap(e)}
}

// At sets Where and returns e.
func (e *Error) At(where string) *Error { e.Where = where; return e }

// Fix sets Do and returns e.
func (e *Error) Fix(format string, args ...any) *Error { e.Do = fmt.Sprintf(format, args...); return e }

// Error joins where, what and what to do.
func (e *Error) Error() string {
	s := e.What
	if e.Where != "" {
		s = e.Where + ": " + s
	}
	if e.Do != "" {
		s += "; " + e.Do
	}
	return s
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// CodeOf returns the code of the first Error in err's chain, Internal for other errors, "" for nil.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return Internal
}
