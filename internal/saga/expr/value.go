package expr

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
	"github.com/google/cel-go/interpreter"
)

// double is a JSON number that is a double whatever it looks like.
type double json.Number

// decode reads one JSON value as t says. No text is null.
func decode(text []byte, t *Type) (any, error) {
	if len(bytes.TrimSpace(text)) == 0 {
		return nil, nil
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, fmt.Errorf("it is not JSON: %w", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("it is not JSON: something follows the value")
	}
	return typed(v, t), nil
}

// typed makes numbers what a schema says they are. Values that are something else
// than it says stay as they are.
func typed(v any, t *Type) any {
	switch v := v.(type) {
	case json.Number:
		return typedNumber(v, t)
	case string:
		if t.is(kindTime) {
			if at, err := time.Parse(time.RFC3339Nano, v); err == nil {
				return at
			}
		}
	case map[string]any:
		for key, in := range v {
			v[key] = typed(in, t.property(key))
		}
	case []any:
		for i, in := range v {
			v[i] = typed(in, t.element())
		}
	}
	return v
}

func typedNumber(n json.Number, t *Type) any {
	switch {
	case t.is(kindDouble):
		return double(n)
	case t.is(kindInt):
		// 5.0 is an integer to JSON Schema.
		if f, err := n.Float64(); err == nil && f == float64(int64(f)) && f > -1<<53 && f < 1<<53 {
			return json.Number(strconv.FormatInt(int64(f), 10))
		}
	}
	return n
}

// adapter turns what decode returns into values of the language.
type adapter struct{ types.Adapter }

// NativeToValue implements types.Adapter.
func (a adapter) NativeToValue(v any) ref.Val {
	switch v := v.(type) {
	case map[string]any:
		return object{Mapper: types.NewStringInterfaceMap(a, v), adapter: a}
	case map[ref.Val]ref.Val:
		return object{Mapper: types.NewRefValMap(a, v), adapter: a}
	case []any:
		return types.NewDynamicList(a, v)
	case json.Number:
		if i, err := strconv.ParseInt(string(v), 10, 64); err == nil {
			return types.Int(i)
		}
		return a.NativeToValue(double(v))
	case double:
		f, err := strconv.ParseFloat(string(v), 64)
		if err != nil {
			return types.NewErr("the number %s is too large", v)
		}
		return types.Double(f)
	}
	return a.Adapter.NativeToValue(v)
}

// object is a map that is iterated in the order of its keys.
type object struct {
	traits.Mapper
	adapter adapter
}

// Iterator implements traits.Iterable.
func (o object) Iterator() traits.Iterator {
	var keys []ref.Val
	for it := o.Mapper.Iterator(); it.HasNext() == types.True; {
		keys = append(keys, it.Next())
	}
	slices.SortFunc(keys, compareKeys)
	return types.NewRefValList(o.adapter, keys).Iterator()
}

// compareKeys orders keys, those of different types by the name of their type.
func compareKeys(a, b ref.Val) int {
	if c, ok := a.(traits.Comparer); ok {
		if n, ok := c.Compare(b).(types.Int); ok && n != 0 {
			return int(n)
		}
	}
	return strings.Compare(a.Type().TypeName(), b.Type().TypeName())
}

// ordered makes the maps that an expression writes iterate like others.
func ordered(a adapter) interpreter.InterpretableDecoratorV2 {
	return func(i interpreter.InterpretableV2) (interpreter.InterpretableV2, error) {
		if c, ok := i.(interpreter.InterpretableConstructor); ok && c.Type() == types.MapType {
			return orderedMap{c, a}, nil
		}
		return i, nil
	}
}

type orderedMap struct {
	interpreter.InterpretableConstructor
	adapter adapter
}

// Exec implements interpreter.InterpretableV2.
func (m orderedMap) Exec(frame *interpreter.ExecutionFrame) ref.Val {
	v := m.InterpretableConstructor.Exec(frame)
	if made, ok := v.(traits.Mapper); ok {
		return object{Mapper: made, adapter: m.adapter}
	}
	return v
}

// Eval implements interpreter.Interpretable.
func (m orderedMap) Eval(vars interpreter.Activation) ref.Val {
	return m.Exec(interpreter.AsFrame(vars))
}
