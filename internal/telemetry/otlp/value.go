package otlp

import (
	"encoding/base64"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/banyanrun/banyan/internal/telemetry/signal"
)

// utf returns s with U+FFFD in place of what is no UTF-8. Protobuf's strings are
// UTF-8 by its rules; senders that break them lose the characters, not the record.
func utf(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

// attrsOf returns all of m.
func attrsOf(m pcommon.Map) signal.Attrs {
	if m.Len() == 0 {
		return nil
	}
	list := make(signal.Attrs, 0, m.Len())
	for k, v := range m.All() {
		list = append(list, signal.Attr{Key: utf(k), Value: valueOf(v)})
	}
	return list
}

func valueOf(v pcommon.Value) signal.Value {
	switch v.Type() {
	case pcommon.ValueTypeStr:
		return signal.Text(utf(v.Str()))
	case pcommon.ValueTypeInt:
		return signal.Integer(v.Int())
	case pcommon.ValueTypeDouble:
		return signal.Number(v.Double())
	case pcommon.ValueTypeBool:
		return signal.Truth(v.Bool())
	case pcommon.ValueTypeMap, pcommon.ValueTypeSlice, pcommon.ValueTypeBytes:
		return signal.Value{Type: signal.JSON, Text: string(appendValue(nil, v))}
	case pcommon.ValueTypeEmpty:
	}
	return signal.Text("")
}

// appendValue writes a value as JSON. It is as deep as maxDepth allows.
func appendValue(b []byte, v pcommon.Value) []byte {
	switch v.Type() {
	case pcommon.ValueTypeStr:
		return appendString(b, v.Str())
	case pcommon.ValueTypeInt:
		return strconv.AppendInt(b, v.Int(), 10)
	case pcommon.ValueTypeDouble:
		return appendNumber(b, v.Double())
	case pcommon.ValueTypeBool:
		return strconv.AppendBool(b, v.Bool())
	case pcommon.ValueTypeBytes:
		b = append(b, '"')
		b = base64.StdEncoding.AppendEncode(b, v.Bytes().AsRaw())
		return append(b, '"')
	case pcommon.ValueTypeMap:
		b = append(b, '{')
		for k, in := range v.Map().All() {
			b = append(appendString(comma(b, '{'), k), ':')
			b = appendValue(b, in)
		}
		return append(b, '}')
	case pcommon.ValueTypeSlice:
		b = append(b, '[')
		for _, in := range v.Slice().All() {
			b = appendValue(comma(b, '['), in)
		}
		return append(b, ']')
	case pcommon.ValueTypeEmpty:
	}
	return append(b, "null"...)
}

// comma separates what follows, unless it is the first after open.
func comma(b []byte, open byte) []byte {
	if b[len(b)-1] == open {
		return b
	}
	return append(b, ',')
}

// appendNumber writes what JSON has no number for as a string, as protobuf does.
func appendNumber(b []byte, f float64) []byte {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return strconv.AppendQuote(b, strconv.FormatFloat(f, 'g', -1, 64))
	}
	return signal.AppendNumber(b, f)
}

const hexDigits = "0123456789abcdef"

func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	for _, r := range s { // U+FFFD where it is no UTF-8
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r == '\n':
			b = append(b, '\\', 'n')
		case r == '\t':
			b = append(b, '\\', 't')
		case r < ' ':
			b = append(b, '\\', 'u', '0', '0', hexDigits[r>>4], hexDigits[r&15])
		default:
			b = utf8.AppendRune(b, r)
		}
	}
	return append(b, '"')
}
