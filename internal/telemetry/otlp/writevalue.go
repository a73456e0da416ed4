package otlp

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"math"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/banyanrun/banyan/internal/telemetry/signal"
)

func putValue(to pcommon.Value, v signal.Value) {
	switch v.Type {
	case signal.Int:
		to.SetInt(int64(v.Num))
	case signal.Double:
		to.SetDouble(math.Float64frombits(v.Num))
	case signal.Bool:
		to.SetBool(v.Num != 0)
	case signal.JSON:
		made := pcommon.NewValueEmpty()
		if err := parseValue(made, v.Text); err != nil {
			to.SetStr(v.Text) // as text it is not lost
			return
		}
		made.MoveTo(to)
	case signal.String:
		to.SetStr(v.Text)
	}
}

// deepest is how deep values are written that are nested in values: they are to be read.
const deepest = maxDepth - 2

var errNested = errors.New("it is not JSON of arrays, maps and bytes")

// parseValue reads an array, a map or bytes, as valueOf writes them.
func parseValue(to pcommon.Value, text string) error {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	first, err := d.Token()
	if err != nil {
		return err
	}
	if bytes, ok := first.(string); ok {
		raw, err := base64.StdEncoding.DecodeString(bytes)
		if err != nil {
			return err
		}
		to.SetEmptyBytes().FromRaw(raw)
	} else if _, ok := first.(json.Delim); !ok {
		return errNested
	} else if err := fill(to, d, first, 0); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errNested
	}
	return nil
}

// fill reads the value that begins with a token.
func fill(to pcommon.Value, d *json.Decoder, first json.Token, depth int) error {
	if depth > deepest {
		return errNested
	}
	switch v := first.(type) {
	case string:
		to.SetStr(v)
	case bool:
		to.SetBool(v)
	case json.Number:
		if n, err := v.Int64(); err == nil {
			to.SetInt(n)
			return nil
		}
		f, err := v.Float64()
		to.SetDouble(f)
		return err
	case json.Delim:
		if v == '[' {
			return fillSlice(to.SetEmptySlice(), d, depth)
		}
		return fillMap(to.SetEmptyMap(), d, depth)
	}
	return nil // null stays empty
}

func fillSlice(to pcommon.Slice, d *json.Decoder, depth int) error {
	for d.More() {
		token, err := d.Token()
		if err != nil {
			return err
		}
		if err := fill(to.AppendEmpty(), d, token, depth+1); err != nil {
			return err
		}
	}
	_, err := d.Token() // ]
	return err
}

func fillMap(to pcommon.Map, d *json.Decoder, depth int) error {
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return err
		}
		token, err := d.Token()
		if err != nil {
			return err
		}
		name, _ := key.(string) // a decoder gives no other
		if err := fill(to.PutEmpty(name), d, token, depth+1); err != nil {
			return err
		}
	}
	_, err := d.Token() // }
	return err
}
