package cloudevent

import (
	"encoding/base64"
	"encoding/json"
	"strconv"
	"strings"
	"unicode/utf8"
)

func checkBody(body []byte, kind Kind, limits Limits) *Error {
	if limits.Body > 0 && len(body) > limits.Body {
		return newError(kind, "", "the body is larger than %d bytes; send less at a time", limits.Body)
	}
	if !utf8.Valid(body) {
		return invalid("", "the body is not UTF-8")
	}
	return checkJSON(body)
}

func readStructured(body []byte, limits Limits) (Event, *Error) {
	if err := checkBody(body, EventTooLarge, limits); err != nil {
		return Event{}, err
	}
	s := scanner{text: body}
	return readObject(s.value(), limits)
}

func readBatch(body []byte, limits Limits) ([]Event, error) {
	if err := checkBody(body, BatchTooLarge, limits); err != nil {
		return nil, err
	}
	s := scanner{text: body}
	if !s.open('[') {
		return nil, invalid("", "a batch is a JSON array of events")
	}
	events := []Event{}
	for s.more(']') {
		if limits.Events > 0 && len(events) == limits.Events {
			return nil, newError(BatchTooLarge, "", "the batch has more than %d events; split it", limits.Events)
		}
		e, err := readObject(s.value(), limits)
		if err != nil {
			err.Index = len(events)
			return nil, err
		}
		events = append(events, e)
	}
	return events, nil
}

// readObject reads an event in the JSON format. The text is valid JSON.
func readObject(text []byte, limits Limits) (Event, *Error) {
	s := scanner{text: text}
	if !s.open('{') {
		return Event{}, invalid("", "an event is a JSON object")
	}
	e := Event{Attrs: make([]Attr, 0, 10)}
	var version bool
	var payload, base64Payload []byte // nil: not there
	for s.more('}') {
		name, ok := memberName(s.value())
		if !ok {
			return Event{}, invalid("", "a member's name has half of a surrogate pair")
		}
		s.colon()
		value := s.value()
		var twice bool
		var err *Error
		switch name {
		case data:
			twice, payload = payload != nil, value
		case dataBase64:
			// Null is as good as not there; for data it is a payload.
			if value[0] != 'n' {
				twice, base64Payload = base64Payload != nil, value
			}
		case specVersion:
			twice, version = version, true
			err = readVersion(value)
		default:
			err = readMember(&e, name, value)
		}
		if twice {
			err = invalid(name, "is there twice")
		}
		if err != nil {
			return Event{}, err
		}
	}
	if !version {
		return Event{}, invalid(specVersion, "is missing; write \"specversion\": \"1.0\"")
	}
	if err := readData(&e, payload, base64Payload); err != nil {
		return Event{}, err
	}
	if err := checkData(e.Data, limits); err != nil {
		return Event{}, err
	}
	return e, checkSize(&e)
}

func readVersion(raw []byte) *Error {
	value, set, err := readAttr(specVersion, raw)
	if err != nil {
		return err
	}
	if !set {
		return invalid(specVersion, "must be 1.0")
	}
	return checkVersion(value)
}

func readMember(e *Event, name string, raw []byte) *Error {
	value, set, err := readAttr(name, raw)
	if err != nil {
		return err
	}
	if !set {
		return checkName(name)
	}
	return e.add(name, value)
}

// readAttr returns the canonical string of an attribute; null is as good as not there.
func readAttr(name string, raw []byte) (value string, set bool, failed *Error) {
	switch c := raw[0]; {
	case c == '"':
		value, ok := unquote(raw)
		if !ok {
			return "", false, invalid(name, "has half of a surrogate pair")
		}
		return value, true, nil
	case c == 'n':
		return "", false, nil
	case isCore(name):
		return "", false, invalid(name, "must be a string")
	case c == 't' || c == 'f':
		return string(raw), true, nil
	case c == '-' || c >= '0' && c <= '9':
		n, err := strconv.ParseInt(string(raw), 10, 32)
		if err != nil {
			return "", false, invalid(name, "%.40s is no integer of 32 bits; send other numbers as strings", raw)
		}
		return strconv.FormatInt(n, 10), true, nil
	}
	return "", false, invalid(name, "must be a string, a boolean or an integer")
}

func isCore(name string) bool {
	switch name {
	case ID, Source, Type, Subject, Time, DataContentType, DataSchema, specVersion:
		return true
	}
	return false
}

// readData applies section 3.1.2 of the JSON format. A nil text is a member that is not there.
func readData(e *Event, text, base64Text []byte) *Error {
	mediaType, typed := e.Get(DataContentType)
	switch {
	case text != nil && base64Text != nil:
		return invalid(dataBase64, "an event has data or data_base64, not both")
	case text != nil && !typed:
		e.Attrs = append(e.Attrs, Attr{DataContentType, jsonType})
		e.Data = text
	case text != nil && isJSON(mediaType):
		e.Data = text
	case text != nil:
		if text[0] != '"' {
			return invalid(data, "must be a string, since the datacontenttype %.100s is not JSON", mediaType)
		}
		value, ok := unquote(text)
		if !ok {
			return invalid(data, "has half of a surrogate pair")
		}
		e.Data = []byte(value)
	case base64Text != nil:
		return readBase64(e, base64Text)
	}
	return nil
}

func readBase64(e *Event, text []byte) *Error {
	if text[0] != '"' {
		return invalid(dataBase64, "must be a string")
	}
	value, _ := unquote(text)
	decoded, err := base64.StdEncoding.Strict().DecodeString(value)
	if err != nil {
		return invalid(dataBase64, "is not base64 (RFC 4648, with padding): %v", err)
	}
	e.Data = decoded
	return nil
}

// memberName is unquote, without memory for the names that most events have.
func memberName(raw []byte) (string, bool) {
	switch string(raw) {
	case `"id"`:
		return ID, true
	case `"source"`:
		return Source, true
	case `"type"`:
		return Type, true
	case `"subject"`:
		return Subject, true
	case `"time"`:
		return Time, true
	case `"datacontenttype"`:
		return DataContentType, true
	case `"specversion"`:
		return specVersion, true
	case `"data"`:
		return data, true
	}
	return unquote(raw)
}

// unquote returns the text of a valid JSON string, and false if it has an escaped
// surrogate without its other half: encoding/json would make all of those the same
// character, and so two ids one.
func unquote(raw []byte) (string, bool) {
	inner := string(raw[1 : len(raw)-1])
	if !strings.Contains(inner, `\`) {
		return inner, true
	}
	if halfSurrogate(inner) {
		return "", false
	}
	var s string
	err := json.Unmarshal(raw, &s)
	return s, err == nil
}

// halfSurrogate looks through the escapes of a JSON string's inside.
func halfSurrogate(s string) bool {
	high := false // the escape before was a high surrogate
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || s[i+1] != 'u' {
			if high {
				return true
			}
			if s[i] == '\\' {
				i++
			}
			continue
		}
		n, _ := strconv.ParseUint(s[i+2:i+6], 16, 16)
		isHigh, isLow := n&0xfc00 == 0xd800, n&0xfc00 == 0xdc00
		if high != isLow {
			return true
		}
		high = isHigh
		i += 5
	}
	return high
}
