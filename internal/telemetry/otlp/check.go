package otlp

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

const (
	// maxDepth is how deep values may be nested in values. Decoding is recursive,
	// and a stack that overflows ends the process.
	maxDepth = 32
	// maxParts bounds the messages within a request: an empty one takes two bytes
	// as it comes and hundreds when it is decoded.
	maxParts = 1 << 19
)

var (
	errDeep  = fmt.Errorf("values are nested more than %d deep", maxDepth)
	errParts = TooLarge(fmt.Sprintf("the request has more than %d parts; send fewer records at once", maxParts))
)

// TooLarge is an error of a request that would be fine if it were smaller.
type TooLarge string

// Error implements error.
func (e TooLarge) Error() string { return string(e) }

// Wire types of protobuf. Groups are none of OTLP's.
const (
	wireVarint = 0
	wireI64    = 1
	wireLen    = 2
	wireI32    = 5
)

// checkBinary walks through a message without decoding it.
func checkBinary(body []byte, s *shape) error {
	parts := 0
	return walk(body, s, 0, &parts)
}

func walk(b []byte, s *shape, depth int, parts *int) error {
	if *parts++; *parts > maxParts {
		return errParts
	}
	if s.value {
		if depth++; depth > maxDepth {
			return errDeep
		}
	}
	for len(b) > 0 {
		tag, n := varint(b)
		if n == 0 {
			return io.ErrUnexpectedEOF
		}
		b = b[n:]
		field := int32(tag >> 3) // truncated as the decoder does it: what it sees counts
		if field <= 0 {
			return errors.New("a field has no number")
		}
		part, rest, err := value(b, byte(tag&7))
		if err != nil {
			return err
		}
		if in := s.within(field); in != nil && part != nil {
			if err = walk(part, in, depth, parts); err != nil {
				return err
			}
		}
		b = rest
	}
	return nil
}

// value returns what is after the field at the start of b, and its bytes if it has a
// length: not nil then.
func value(b []byte, wire byte) (part, rest []byte, err error) {
	var n int
	switch wire {
	case wireVarint:
		if _, n = varint(b); n == 0 {
			return nil, nil, io.ErrUnexpectedEOF
		}
	case wireI64:
		n = 8
	case wireI32:
		n = 4
	case wireLen:
		size, m := varint(b)
		if m == 0 || size > uint64(len(b)-m) {
			return nil, nil, io.ErrUnexpectedEOF
		}
		end := m + int(size)
		return b[m:end:end], b[end:], nil
	default:
		return nil, nil, fmt.Errorf("there is no wire type %d in OTLP", wire)
	}
	if n > len(b) {
		return nil, nil, io.ErrUnexpectedEOF
	}
	return nil, b[n:], nil
}

// varint reads a number; n is 0 where there is none.
func varint(b []byte) (v uint64, n int) {
	if len(b) > 0 && b[0] < 0x80 {
		return uint64(b[0]), 1
	}
	for i, c := range b {
		if i == 10 {
			return 0, 0
		}
		v |= uint64(c&0x7f) << (7 * i)
		if c < 0x80 {
			return v, i + 1
		}
	}
	return 0, 0
}

// maxDepthJSON is maxDepth in brackets: an array of values takes five a level, and
// the records around it have some of their own.
const maxDepthJSON = 5*maxDepth + 20

// checkJSON refuses what is not JSON as a whole, is nested too deep, or has too many parts.
func checkJSON(body []byte) error {
	depth, parts := 0, 0
	for i := 0; i < len(body); i++ {
		switch body[i] {
		case '"':
			i = afterString(body, i)
		case '{', '[':
			depth++
			parts++
			if depth > maxDepthJSON {
				return errDeep
			}
		case '}', ']':
			depth--
		case ',':
			parts++
		}
		if parts > 3*maxParts { // a part has several members
			return errParts
		}
	}
	if json.Valid(body) {
		return nil
	}
	var v json.RawMessage
	if err := json.Unmarshal(body, &v); err != nil {
		return err
	}
	return errors.New("it is not JSON")
}

// afterString returns the index of the quote that ends the string at i.
func afterString(body []byte, i int) int {
	for i++; i < len(body) && body[i] != '"'; i++ {
		if body[i] == '\\' {
			i++
		}
	}
	return i
}
