package cloudevent

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"unicode/utf8"
)

// AppendJSON appends the event in structured mode, whose Content-Type is
// StructuredType. Data that is JSON by its type and in fact is a JSON value, text
// is a string, and everything else is data_base64.
func (e *Event) AppendJSON(b []byte) []byte {
	b = append(b, `{"specversion":"1.0"`...)
	for _, a := range e.Attrs {
		b = append(b, ',')
		b = appendString(b, a.Name)
		b = append(b, ':')
		b = appendString(b, a.Value)
	}
	return append(e.appendData(b), '}')
}

// AppendBatch appends events in batch mode, whose Content-Type is BatchType.
func AppendBatch(b []byte, events []Event) []byte {
	b = append(b, '[')
	for i := range events {
		if i > 0 {
			b = append(b, ',')
		}
		b = events[i].AppendJSON(b)
	}
	return append(b, ']')
}

func (e *Event) appendData(b []byte) []byte {
	mediaType, _ := e.Get(DataContentType)
	valid := utf8.Valid(e.Data)
	switch {
	case len(e.Data) == 0:
		return b
	case valid && isJSON(mediaType) && json.Valid(e.Data):
		b = append(b, `,"data":`...)
		return append(b, e.Data...)
	case valid && isText(mediaType) && !isJSON(mediaType):
		b = append(b, `,"data":`...)
		return appendString(b, string(e.Data))
	}
	b = append(b, `,"data_base64":"`...)
	b = base64.StdEncoding.AppendEncode(b, e.Data)
	return append(b, '"')
}

// isText names the types whose data people want to read in an envelope.
func isText(mediaType string) bool {
	kind, _, _ := strings.Cut(mediaType, ";")
	kind = strings.ToLower(strings.TrimSpace(kind))
	return strings.HasPrefix(kind, "text/") || kind == "application/xml" || strings.HasSuffix(kind, "+xml")
}

// appendString appends valid UTF-8 as a JSON string.
func appendString(b []byte, s string) []byte {
	const digits = "0123456789abcdef"
	b = append(b, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c < 0x20:
			b = append(b, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
		default:
			b = append(b, c)
		}
	}
	return append(b, '"')
}
