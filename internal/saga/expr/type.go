package expr

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

type kind int

const (
	kindDyn kind = iota
	kindBool
	kindInt
	kindDouble
	kindString
	kindTime
	kindList
	kindObject
)

// Type is what is known of a variable before it has a value. nil is [Any].
type Type struct {
	kind     kind
	nullable bool
	items    *Type
	fields   map[string]*Type
	extra    *Type // of properties that are not in fields; nil: there are none
}

// Any is the type of a variable of which nothing is known.
var Any *Type

// The other types that need no schema.
var (
	String = &Type{kind: kindString}
	Int    = &Type{kind: kindInt}
	Time   = &Type{kind: kindTime} // RFC 3339 in JSON
)

// Map is an object with any keys.
func Map(values *Type) *Type {
	return &Type{kind: kindObject, extra: values.orAny()}
}

// Object has the given properties, and others if extra is not nil.
func Object(fields map[string]*Type, extra *Type) *Type {
	return &Type{kind: kindObject, fields: fields, extra: extra}
}

var dyn = &Type{}

func (t *Type) orAny() *Type {
	if t == nil {
		return dyn
	}
	return t
}

// Open may be given to [Object] for properties of any type.
func Open() *Type { return dyn }

func (t *Type) is(k kind) bool { return t != nil && t.kind == k }

func (t *Type) property(name string) *Type {
	switch {
	case t == nil:
		return nil
	case t.fields[name] != nil:
		return t.fields[name]
	}
	return t.extra
}

func (t *Type) element() *Type {
	if t == nil {
		return nil
	}
	return t.items
}

// OrNull is t, or null.
func (t *Type) OrNull() *Type {
	if t == nil {
		return nil
	}
	or := *t
	or.nullable = true
	return &or
}

// TypeOf is what a JSON Schema (2020-12) says of the values that it accepts, as
// far as the language has a word for it. No text: any.
func TypeOf(schema []byte) (*Type, error) {
	if len(bytes.TrimSpace(schema)) == 0 {
		return Any, nil
	}
	var root any
	if err := json.Unmarshal(schema, &root); err != nil {
		return nil, fmt.Errorf("the schema is not JSON: %w", err)
	}
	r := &schemaReader{root: root, seen: map[string]*Type{}}
	return r.read(root), nil
}

// schemaReader reads one schema with its references.
type schemaReader struct {
	root any
	seen map[string]*Type // by reference, which may lead in a circle
}

func (r *schemaReader) read(v any) *Type {
	s, ok := v.(map[string]any)
	if !ok {
		return &Type{}
	}
	if to, ok := s["$ref"].(string); ok {
		return r.follow(to)
	}
	t := &Type{}
	for _, word := range []string{"anyOf", "oneOf", "not", "if", "$dynamicRef"} {
		if s[word] != nil {
			return t
		}
	}
	var name string
	if name, t.nullable = typeName(s); name == "" {
		t.nullable = false
		return t
	}
	switch name {
	case "string":
		t.kind = kindString
	case "integer":
		t.kind = kindInt
	case "number":
		t.kind = kindDouble
	case "boolean":
		t.kind = kindBool
	case "array":
		t.kind = kindList
		if s["prefixItems"] == nil {
			t.items = r.read(s["items"])
		}
	case "object":
		r.object(t, s)
	}
	return t
}

// typeName is the only type of a schema, and whether null is one beside it.
func typeName(s map[string]any) (name string, nullable bool) {
	switch v := s["type"].(type) {
	case string:
		return v, false
	case []any:
		for _, one := range v {
			switch text, _ := one.(string); {
			case text == "null":
				nullable = true
			case name != "":
				return "", false
			default:
				name = text
			}
		}
		return name, nullable
	}
	if s["properties"] != nil {
		return "object", false
	}
	return "", false
}

func (r *schemaReader) object(t *Type, s map[string]any) {
	t.kind = kindObject
	props, _ := s["properties"].(map[string]any)
	if len(props) > 0 {
		t.fields = make(map[string]*Type, len(props))
		for _, name := range slices.Sorted(maps.Keys(props)) {
			t.fields[name] = r.read(props[name])
		}
	}
	switch more := s["additionalProperties"].(type) {
	case map[string]any:
		t.extra = r.read(more)
	case bool:
		if more {
			t.extra = dyn
		}
	default:
		if len(props) == 0 {
			t.extra = dyn
		}
	}
	for _, word := range []string{"patternProperties", "allOf", "dependentSchemas"} {
		if s[word] != nil {
			t.extra = dyn
		}
	}
}

// follow reads what a reference within the schema leads to.
func (r *schemaReader) follow(to string) *Type {
	if t := r.seen[to]; t != nil {
		return t
	}
	t := &Type{}
	r.seen[to] = t
	pointer, ok := strings.CutPrefix(to, "#")
	at := r.root
	for _, token := range strings.Split(pointer, "/")[1:] {
		object, isObject := at.(map[string]any)
		if !isObject {
			return t
		}
		at = object[strings.NewReplacer("~1", "/", "~0", "~").Replace(token)]
	}
	if ok {
		*t = *r.read(at)
	}
	return t
}
