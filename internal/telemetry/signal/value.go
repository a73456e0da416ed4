package signal

import (
	"encoding/hex"
	"math"
	"strconv"
)

// Type is the type of a Value.
type Type uint8

// The types of values. JSON is what OpenTelemetry has as arrays, maps and bytes
// (in base64), as text.
const (
	String Type = iota
	Int
	Double
	Bool
	JSON
)

// Value is the value of an attribute. Two are equal by == if they are the same.
type Value struct {
	Type Type
	// Text is a String's or JSON's.
	Text string
	// Num is an Int's two's complement, a Double's bits, or a Bool's 0 or 1.
	Num uint64
}

// Text returns a String.
func Text(s string) Value { return Value{Text: s} }

// Integer returns an Int.
func Integer(n int64) Value { return Value{Type: Int, Num: uint64(n)} }

// Number returns a Double.
func Number(f float64) Value { return Value{Type: Double, Num: math.Float64bits(f)} }

// Truth returns a Bool.
func Truth(b bool) Value {
	v := Value{Type: Bool}
	if b {
		v.Num = 1
	}
	return v
}

// Float is the value as a number; false: it is none.
func (v Value) Float() (float64, bool) {
	switch v.Type {
	case Int:
		return float64(int64(v.Num)), true
	case Double:
		return math.Float64frombits(v.Num), true
	case String, Bool, JSON:
	}
	return 0, false
}

// String is the value as a person writes it.
func (v Value) String() string {
	switch v.Type {
	case Int:
		return strconv.FormatInt(int64(v.Num), 10)
	case Double:
		return string(AppendNumber(nil, math.Float64frombits(v.Num)))
	case Bool:
		return strconv.FormatBool(v.Num != 0)
	case String, JSON:
	}
	return v.Text
}

// AppendNumber writes a Double as JSON and JavaScript do: with an exponent only where
// it is very large or small.
func AppendNumber(b []byte, f float64) []byte {
	if size := math.Abs(f); size != 0 && (size < 1e-6 || size >= 1e21) {
		return strconv.AppendFloat(b, f, 'g', -1, 64)
	}
	return strconv.AppendFloat(b, f, 'f', -1, 64)
}

// Attr is an attribute.
type Attr struct {
	Key   string
	Value Value
}

// Attrs are attributes in the order in which they came. A key that comes twice
// counts by its first value.
type Attrs []Attr

// Get returns the value of a key.
func (a Attrs) Get(key string) (Value, bool) {
	for i := range a {
		if a[i].Key == key {
			return a[i].Value, true
		}
	}
	return Value{}, false
}

// Text returns the value of a key as text; empty: there is none.
func (a Attrs) Text(key string) string {
	v, ok := a.Get(key)
	if !ok {
		return ""
	}
	return v.String()
}

// TraceID is that of W3C Trace Context; zero: there is none.
type TraceID [16]byte

// SpanID is that of W3C Trace Context; zero: there is none.
type SpanID [8]byte

// String is 32 lower-case hex digits.
func (id TraceID) String() string { return hex.EncodeToString(id[:]) }

// String is 16 lower-case hex digits.
func (id SpanID) String() string { return hex.EncodeToString(id[:]) }

// IsZero reports whether there is none.
func (id TraceID) IsZero() bool { return id == TraceID{} }

// IsZero reports whether there is none.
func (id SpanID) IsZero() bool { return id == SpanID{} }

// ParseTraceID reads hex digits of either case. Fewer than 32 stand for leading
// zeros, as Zipkin and Jaeger write 64-bit ids. False: it is none, or zero.
func ParseTraceID(s string) (id TraceID, ok bool) {
	return id, parseHex(id[:], s) && !id.IsZero()
}

// ParseSpanID reads hex digits of either case; fewer than 16 stand for leading
// zeros. False: it is none, or zero.
func ParseSpanID(s string) (id SpanID, ok bool) {
	return id, parseHex(id[:], s) && !id.IsZero()
}

func parseHex(dst []byte, s string) bool {
	if s == "" || len(s) > 2*len(dst) {
		return false
	}
	for i := range len(s) {
		var n byte
		switch c := s[len(s)-1-i]; {
		case c >= '0' && c <= '9':
			n = c - '0'
		case c >= 'a' && c <= 'f':
			n = c - 'a' + 10
		case c >= 'A' && c <= 'F':
			n = c - 'A' + 10
		default:
			return false
		}
		dst[len(dst)-1-i/2] |= n << (4 * (i % 2))
	}
	return true
}
