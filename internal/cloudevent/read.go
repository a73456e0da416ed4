package cloudevent

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
)

// Media types of bodies.
const (
	StructuredType = "application/cloudevents+json"
	BatchType      = "application/cloudevents-batch+json"

	jsonType = "application/json"
)

// Mode is how a request carries events.
type Mode int

// The modes. Plain is ours: a body of JSON without a ce- header is the data of an
// event that has no attribute but its content type.
const (
	Binary Mode = iota
	Structured
	Batch
	Plain
)

// Limits bound what is taken; zero is no bound.
type Limits struct {
	Body   int // bytes of a request's body in structured mode and of a batch
	Events int // in a batch
	Data   int // bytes of one event's data
}

// ModeOf tells the mode from the headers. An error is an *Error of kind MediaType.
// A content coding is one: no attribute says it, so whoever gets the event would
// not know of it.
func ModeOf(h http.Header) (Mode, error) {
	if coding := h.Get("Content-Encoding"); coding != "" && !strings.EqualFold(coding, "identity") {
		return 0, newError(MediaType, "", "the Content-Encoding %q is not taken; send the body as it is", coding)
	}
	types := h.Values(contentType)
	if len(types) > 1 {
		return 0, newError(MediaType, "", "the header Content-Type is there more than once")
	}
	var full string
	if len(types) == 1 {
		full = types[0]
	}
	kind, params, err := full, map[string]string(nil), error(nil)
	if full != "" && full != jsonType && full != StructuredType && full != BatchType {
		kind, params, err = mime.ParseMediaType(full)
	}
	if !strings.HasPrefix(kind, "application/cloudevents") {
		return binaryOrPlain(h, kind, full)
	}
	if charset := params["charset"]; err != nil || charset != "" && !strings.EqualFold(charset, "utf-8") {
		return 0, newError(MediaType, "", "the Content-Type %q is not understood; JSON is UTF-8", full)
	}
	switch kind {
	case StructuredType:
		return Structured, nil
	case BatchType:
		return Batch, nil
	}
	return 0, newError(MediaType, "", "the Content-Type %q is not taken; %s and %s are", full, StructuredType, BatchType)
}

func binaryOrPlain(h http.Header, kind, full string) (Mode, error) {
	switch {
	case hasAttributes(h):
		return Binary, nil
	case kind == jsonType:
		return Plain, nil
	}
	return 0, newError(MediaType, "",
		"the Content-Type %q without ce- headers is no event; send %s, %s, %s, or ce- headers with any type",
		full, jsonType, StructuredType, BatchType)
}

// Read reads the events of a request. It reads no more of the body than the
// limits allow. Errors are as of Decode, and those of reading the body.
func Read(r *http.Request, limits Limits) ([]Event, Mode, error) {
	mode, err := ModeOf(r.Header)
	if err != nil {
		return nil, 0, err
	}
	most := limits.Body
	if mode == Binary || mode == Plain {
		most = limits.Data
	}
	body, err := readBody(r, most)
	if err != nil {
		return nil, mode, err
	}
	events, err := decode(mode, r.Header, body, limits)
	return events, mode, err
}

// readBody returns at most most+1 bytes, so that decode sees what is too large.
func readBody(r *http.Request, most int) ([]byte, error) {
	var from io.Reader = r.Body
	if most > 0 {
		from = io.LimitReader(from, int64(most)+1)
	}
	const trust = 1 << 20 // of what a sender announces, before it sends it
	var b bytes.Buffer
	b.Grow(int(min(max(r.ContentLength, 0), trust)) + bytes.MinRead)
	if _, err := b.ReadFrom(from); err != nil {
		return nil, fmt.Errorf("read the request's body: %w", err)
	}
	return b.Bytes(), nil
}

// Decode returns the events that headers and body carry, one unless the mode is
// Batch, which may also be empty. What they have keeps to the rules; what they
// lack is for Event.Check. Their Data may be part of body. Errors are *Error.
func Decode(h http.Header, body []byte, limits Limits) ([]Event, Mode, error) {
	mode, err := ModeOf(h)
	if err != nil {
		return nil, 0, err
	}
	events, err := decode(mode, h, body, limits)
	return events, mode, err
}

func decode(mode Mode, h http.Header, body []byte, limits Limits) ([]Event, error) {
	if mode == Batch {
		return readBatch(body, limits)
	}
	var e Event
	var failed *Error
	switch mode {
	case Structured:
		e, failed = readStructured(body, limits)
	case Plain:
		e, failed = readPlain(h, body, limits)
	default:
		if e, failed = readHeader(h); failed == nil {
			e.Data, failed = body, checkData(body, limits)
		}
	}
	if failed != nil {
		return nil, failed
	}
	return []Event{e}, nil
}

func readPlain(h http.Header, body []byte, limits Limits) (Event, *Error) {
	if err := checkData(body, limits); err != nil {
		return Event{}, err
	}
	if err := checkJSON(body); err != nil {
		return Event{}, err
	}
	e := Event{Data: body}
	return e, e.add(DataContentType, h.Get(contentType))
}

func checkData(b []byte, limits Limits) *Error {
	if limits.Data > 0 && len(b) > limits.Data {
		return newError(EventTooLarge, data, "it is larger than %d bytes; send a reference to it", limits.Data)
	}
	return nil
}

// checkJSON says where a text stops being JSON.
func checkJSON(b []byte) *Error {
	if json.Valid(b) {
		return nil
	}
	err := json.Unmarshal(b, new(json.RawMessage))
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return invalid("", "the body is not JSON: %v, at byte %d", syntax, syntax.Offset)
	}
	return invalid("", "the body is not JSON")
}
