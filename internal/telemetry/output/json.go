package output

import (
	"encoding/json"
	"strings"
	"unicode/utf8"

	"github.com/banyanrun/banyan/internal/telemetry/signal"
)

const (
	// maxFields is the most fields that a line is read with: one with more is plain.
	maxFields = 256
	// maxFlat is how deep objects are flattened: {"http":{"method":"GET"}} is http.method.
	maxFlat = 3
)

// fieldsOfJSON reads an object; false: the text is none.
func fieldsOfJSON(text string) ([]field, bool) {
	if !json.Valid([]byte(text)) {
		return nil, false
	}
	o := object{text: text}
	ok := o.members("", 1)
	return o.fields, ok
}

// object reads JSON that is known to be valid.
type object struct {
	text   string
	at     int
	fields []field
}

// members reads an object's, whose names begin with a prefix; false: they are too many.
func (o *object) members(prefix string, depth int) bool {
	o.at++ // {
	for {
		o.space()
		switch o.text[o.at] {
		case '}':
			o.at++
			return true
		case ',':
			o.at++
			continue
		}
		key := prefix + unquote(o.value())
		o.space()
		o.at++ // :
		o.space()
		if o.text[o.at] == '{' && depth < maxFlat {
			if !o.members(key+".", depth+1) {
				return false
			}
			continue
		}
		if len(o.fields) == maxFields {
			return false
		}
		o.fields = append(o.fields, field{key, valueOf(o.value())})
	}
}

func (o *object) space() {
	for o.at < len(o.text) && (o.text[o.at] == ' ' || o.text[o.at] == '\t' || o.text[o.at] == '\r' || o.text[o.at] == '\n') {
		o.at++
	}
}

// value returns the text of the value that begins here, and goes behind it.
func (o *object) value() string {
	from, depth := o.at, 0
	for ; o.at < len(o.text); o.at++ {
		switch o.text[o.at] {
		case '"':
			o.quoted()
			if depth == 0 {
				o.at++
				return o.text[from:o.at]
			}
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return o.text[from:o.at]
			}
			if depth--; depth == 0 {
				o.at++
				return o.text[from:o.at]
			}
		case ',', ' ', '\t', '\r', '\n', ':':
			if depth == 0 {
				return o.text[from:o.at]
			}
		}
	}
	return o.text[from:]
}

// quoted goes to the quote that ends the string.
func (o *object) quoted() {
	for o.at++; o.text[o.at] != '"'; o.at++ {
		if o.text[o.at] == '\\' {
			o.at++
		}
	}
}

func valueOf(raw string) signal.Value {
	switch raw[0] {
	case '"':
		return signal.Text(unquote(raw))
	case '{', '[':
		return signal.Value{Type: signal.JSON, Text: raw}
	case 't', 'f':
		return signal.Truth(raw == "true")
	case 'n':
		return signal.Text("")
	}
	return numberOf(raw)
}

func unquote(raw string) string {
	if strings.IndexByte(raw, '\\') < 0 {
		return raw[1 : len(raw)-1]
	}
	var s string
	_ = json.Unmarshal([]byte(raw), &s) // it is valid
	if !utf8.ValidString(s) {
		return strings.ToValidUTF8(s, "\uFFFD")
	}
	return s
}
