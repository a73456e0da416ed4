package otlp

import (
	"encoding/json"
	"errors"

	"google.golang.org/protobuf/encoding/protowire"
)

// Package ptraceotlp and its likes have types for answers, and bring gRPC along, by
// which the program becomes half as large again. What answers say is two fields.

// readAnswer returns how many records were refused, and why.
func readAnswer(b []byte, isJSON bool) (refused int64, why string, err error) {
	if isJSON && len(b) > 0 {
		return readJSON(b)
	}
	partial, err := fieldsOf(b)
	if err != nil || partial[1].text == nil {
		return 0, "", err
	}
	said, err := fieldsOf(partial[1].text)
	return int64(said[1].number), string(said[2].text), err
}

func readJSON(b []byte) (int64, string, error) {
	var a struct {
		//nolint:tagliatelle // OTLP's own
		PartialSuccess struct {
			Spans  json.Number `json:"rejectedSpans"` // a number, or a text of one
			Logs   json.Number `json:"rejectedLogRecords"`
			Points json.Number `json:"rejectedDataPoints"`
			Why    string      `json:"errorMessage"`
		} `json:"partialSuccess"`
	}
	if err := json.Unmarshal(b, &a); err != nil {
		return 0, "", err
	}
	p := &a.PartialSuccess
	for _, n := range []json.Number{p.Spans, p.Logs, p.Points} {
		if n != "" {
			refused, err := n.Int64()
			return refused, p.Why, err
		}
	}
	return 0, p.Why, nil
}

// field is one of a message of protobuf: a number or a text.
type field struct {
	number uint64
	text   []byte
}

// fieldsOf are the fields of a message by their numbers; of one that comes twice the last.
func fieldsOf(b []byte) (map[protowire.Number]field, error) {
	all := map[protowire.Number]field{}
	for len(b) > 0 {
		number, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return nil, errors.New("it is no protobuf")
		}
		b = b[n:]
		var f field
		switch kind {
		case protowire.VarintType:
			f.number, n = protowire.ConsumeVarint(b)
		case protowire.BytesType:
			f.text, n = protowire.ConsumeBytes(b)
			if n >= 0 && f.text == nil {
				f.text = []byte{}
			}
		default:
			n = protowire.ConsumeFieldValue(number, kind, b)
		}
		if n < 0 {
			return nil, errors.New("it is no protobuf")
		}
		all[number], b = f, b[n:]
	}
	return all, nil
}
