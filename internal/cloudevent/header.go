package cloudevent

import (
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"
)

const (
	prefix      = "ce-"
	contentType = "Content-Type"
)

// isAttribute says whether the header field, in any case, is an attribute.
func isAttribute(field string) bool {
	return len(field) > len(prefix) && strings.EqualFold(field[:len(prefix)], prefix)
}

// hasAttributes says whether any field is an attribute.
func hasAttributes(h http.Header) bool {
	for field := range h {
		if isAttribute(field) {
			return true
		}
	}
	return false
}

// readHeader reads the attributes of an event in binary mode.
func readHeader(h http.Header) (Event, *Error) {
	var e Event
	e.Attrs = make([]Attr, 0, len(h))
	version := false
	for field, values := range h {
		if !isAttribute(field) {
			continue
		}
		name := lower(field[len(prefix):])
		if len(values) != 1 {
			return Event{}, invalid(name, "the header is there more than once")
		}
		value, problem := decodeValue(values[0])
		if problem != "" {
			return Event{}, invalid(name, "%s", problem)
		}
		switch name {
		case specVersion:
			if err := checkVersion(value); err != nil {
				return Event{}, err
			}
			version = true
		case DataContentType:
			return Event{}, invalid(name, "in binary mode it is the header Content-Type, and ce-datacontenttype must not be there")
		default:
			if err := e.add(name, value); err != nil {
				return Event{}, err
			}
		}
	}
	if !version {
		return Event{}, invalid(specVersion, "is missing; send the header ce-specversion: 1.0")
	}
	if value := h.Get(contentType); value != "" {
		if err := e.add(DataContentType, value); err != nil {
			return Event{}, err
		}
	}
	slices.SortFunc(e.Attrs, func(a, b Attr) int { return strings.Compare(a.Name, b.Name) })
	return e, checkSize(&e)
}

// add appends an attribute that keeps to its rules and is not there yet.
func (e *Event) add(name, value string) *Error {
	if err := checkName(name); err != nil {
		return err
	}
	if len(e.Attrs) == MaxAttrs {
		return newError(EventTooLarge, "", "it has more than %d attributes", MaxAttrs)
	}
	if _, ok := e.Get(name); ok {
		return invalid(name, "is there twice")
	}
	if err := checkValue(name, value); err != nil {
		return err
	}
	e.Attrs = append(e.Attrs, Attr{name, value})
	return nil
}

func checkVersion(value string) *Error {
	if value != "1.0" {
		return invalid(specVersion, "%.100q is not supported; it must be 1.0", value)
	}
	return nil
}

// lower is strings.ToLower, without memory for the names that most events have.
func lower(field string) string {
	switch field {
	case "Id":
		return ID
	case "Source":
		return Source
	case "Type":
		return Type
	case "Subject":
		return Subject
	case "Time":
		return Time
	case "Specversion":
		return specVersion
	}
	return strings.ToLower(field)
}

// decodeValue undoes a quoted string and one round of percent-encoding (HTTP
// binding, 3.1.3.2). Bytes above ASCII that are not encoded are taken as UTF-8,
// since libraries send them so.
func decodeValue(s string) (value, problem string) {
	if strings.HasPrefix(s, `"`) {
		if s, problem = unquoteHeader(s); problem != "" {
			return "", problem
		}
	}
	if !strings.Contains(s, "%") {
		return s, ""
	}
	decoded := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '%' {
			decoded = append(decoded, s[i])
			continue
		}
		if i+2 >= len(s) || unhex(s[i+1]) < 0 || unhex(s[i+2]) < 0 {
			return "", "a % is not followed by two hexadecimal digits; a percent sign is written %25"
		}
		decoded = append(decoded, byte(unhex(s[i+1])<<4|unhex(s[i+2])))
		i += 2
	}
	if !utf8.Valid(decoded) {
		return "", "what is percent-encoded is not UTF-8"
	}
	return string(decoded), ""
}

// unquoteHeader undoes a quoted-string of RFC 9110, 5.6.4.
func unquoteHeader(s string) (value, problem string) {
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '"':
			if i+1 == len(s) {
				return b.String(), ""
			}
			return "", "something follows the closing quote"
		case '\\':
			if i++; i < len(s) {
				b.WriteByte(s[i])
			}
		default:
			b.WriteByte(s[i])
		}
	}
	return "", "the closing quote is missing"
}

// WriteHeader sets the headers of the event in binary mode, Content-Type among
// them; the body is e.Data. It keeps other headers.
func (e *Event) WriteHeader(h http.Header) {
	h["Ce-Specversion"] = []string{"1.0"}
	values := make([]string, len(e.Attrs))
	for i, a := range e.Attrs {
		field := contentType
		if a.Name == DataContentType {
			values[i] = a.Value
		} else {
			field = fieldOf(a.Name)
			values[i] = encodeValue(a.Value)
		}
		h[field] = values[i : i+1 : i+1]
	}
}

func fieldOf(name string) string {
	switch name {
	case ID:
		return "Ce-Id"
	case Source:
		return "Ce-Source"
	case Type:
		return "Ce-Type"
	case Subject:
		return "Ce-Subject"
	case Time:
		return "Ce-Time"
	default:
		return http.CanonicalHeaderKey(prefix + name)
	}
}

// encodeValue percent-encodes what the HTTP binding, 3.1.3.2, names.
func encodeValue(s string) string {
	plain := func(c byte) bool { return c > 0x20 && c < 0x7f && c != '"' && c != '%' }
	first := 0
	for first < len(s) && plain(s[first]) {
		first++
	}
	if first == len(s) {
		return s
	}
	const digits = "0123456789ABCDEF"
	b := append(make([]byte, 0, len(s)+16), s[:first]...)
	for i := first; i < len(s); i++ {
		if c := s[i]; plain(c) {
			b = append(b, c)
		} else {
			b = append(b, '%', digits[c>>4], digits[c&15])
		}
	}
	return string(b)
}

// unhex returns the value of a hexadecimal digit, or -1.
func unhex(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}
