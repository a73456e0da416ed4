package expr

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
)

// Bounds of a result.
const (
	resultMost = 1 << 20 // bytes of JSON
	depthMost  = 100     // values within each other
)

var (
	errSize  = fmt.Errorf("the result is longer than %d bytes of JSON", resultMost)
	errDepth = fmt.Errorf("the result is nested deeper than %d values", depthMost)
)

// encoder writes a value as JSON, and stops where it gets too long.
type encoder struct{ out []byte }

// encode returns v as JSON, objects in the order of their keys.
func encode(v ref.Val) (json.RawMessage, error) {
	var e encoder
	if err := e.value(v, depthMost); err != nil {
		return nil, err
	}
	return e.out, nil
}

func (e *encoder) value(v ref.Val, depth int) error {
	if depth == 0 {
		return errDepth
	}
	if len(e.out) > resultMost {
		return errSize
	}
	switch v := v.(type) {
	case types.Double:
		if f := float64(v); math.IsNaN(f) || math.IsInf(f, 0) {
			return fmt.Errorf("the result has the number %v, which JSON cannot say", f)
		}
		return e.plain(float64(v))
	case types.Int, types.Uint, types.Bool:
		return e.plain(v.Value())
	case types.String:
		return e.plain(string(v))
	case types.Null:
		return e.plain(nil)
	case types.Bytes:
		return e.plain(base64.StdEncoding.EncodeToString(v))
	case types.Timestamp:
		return e.plain(v.Time.UTC().Format(time.RFC3339Nano))
	case types.Duration:
		return e.plain(fmt.Sprintf("%gs", v.Seconds()))
	case *types.Optional:
		if !v.HasValue() {
			return e.plain(nil)
		}
		return e.value(v.GetValue(), depth-1)
	case traits.Mapper:
		if native, ok := v.Value().(map[string]any); ok {
			return e.native(native, depth)
		}
		return e.object(v, depth)
	case traits.Lister:
		if native, ok := v.Value().([]any); ok {
			return e.native(native, depth)
		}
		return e.list(v, depth)
	case *types.Err:
		return v
	}
	return fmt.Errorf("the result has a %s, which JSON cannot say", v.Type().TypeName())
}

func (e *encoder) plain(v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	e.out = append(e.out, text...)
	if len(e.out) > resultMost {
		return errSize
	}
	return nil
}

// native writes what decode returned, which keeps the digits of its numbers.
func (e *encoder) native(v any, depth int) error {
	if depth == 0 {
		return errDepth
	}
	switch v := v.(type) {
	case double:
		return e.plain(json.Number(v))
	case time.Time:
		return e.plain(v.UTC().Format(time.RFC3339Nano))
	case ref.Val:
		return e.value(v, depth)
	case map[string]any:
		keys := make([]string, 0, len(v))
		for key := range v {
			keys = append(keys, key)
		}
		slices.Sort(keys)
		return e.members(len(keys), func(i int) error {
			if err := e.plain(keys[i]); err != nil {
				return err
			}
			e.out = append(e.out, ':')
			return e.native(v[keys[i]], depth-1)
		}, '{', '}')
	case []any:
		return e.members(len(v), func(i int) error { return e.native(v[i], depth-1) }, '[', ']')
	}
	return e.plain(v)
}

func (e *encoder) object(m traits.Mapper, depth int) error {
	var keys []string
	for it := m.Iterator(); it.HasNext() == types.True; {
		key, ok := it.Next().(types.String)
		if !ok {
			return errors.New("the result has an object with a key that is not a string")
		}
		keys = append(keys, string(key))
	}
	slices.Sort(keys)
	return e.members(len(keys), func(i int) error {
		if err := e.plain(keys[i]); err != nil {
			return err
		}
		e.out = append(e.out, ':')
		return e.value(m.Get(types.String(keys[i])), depth-1)
	}, '{', '}')
}

func (e *encoder) list(l traits.Lister, depth int) error {
	n, _ := l.Size().(types.Int)
	return e.members(int(n), func(i int) error { return e.value(l.Get(types.Int(i)), depth-1) }, '[', ']')
}

func (e *encoder) members(n int, one func(i int) error, first, last byte) error {
	e.out = append(e.out, first)
	for i := range n {
		if i > 0 {
			e.out = append(e.out, ',')
		}
		if err := one(i); err != nil {
			return err
		}
	}
	e.out = append(e.out, last)
	return nil
}
