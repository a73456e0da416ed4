package serviceapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"unicode/utf8"
)

// isTooLarge reports whether a body was longer than it may be.
func isTooLarge(err error) bool {
	_, ok := errors.AsType[*http.MaxBytesError](err)
	return ok
}

// whyNotJSON says what is wrong with text that is not JSON.
func whyNotJSON(text []byte) string {
	if !utf8.Valid(text) {
		return "it is not UTF-8"
	}
	var v any
	err := json.Unmarshal(text, &v)
	if err == nil {
		return "unknown"
	}
	return err.Error()
}

// strict decodes an object that has no other members than those of to.
func strict(text []byte, to any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(to); err != nil {
		return errors.New(strings.TrimPrefix(err.Error(), "json: "))
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.New("there is more than one object")
	}
	return nil
}
