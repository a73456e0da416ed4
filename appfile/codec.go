package appfile

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
)

// nodeOf turns a decoded JSON or YAML value into a node without a position.
func nodeOf(v any) *node {
	n := &node{kind: scalarKind, size: 1}
	switch v := v.(type) {
	case nil:
		n.kind = nullKind
	case map[string]any:
		n.kind = mapKind
		keys := make([]string, 0, len(v))
		for k := range v {
			keys = append(keys, k)
		}
		slices.Sort(keys)
		for _, k := range keys {
			n.entries = append(n.entries, entry{key: k, val: nodeOf(v[k])})
		}
	case []any:
		n.kind = listKind
		for _, item := range v {
			n.items = append(n.items, nodeOf(item))
		}
	case string:
		n.text, n.style = v, doubleStyle
	case bool:
		n.text, n.bool = strconv.FormatBool(v), true
	case json.Number:
		n.text = v.String()
	default:
		n.text = fmt.Sprint(v)
	}
	return n
}

// UnmarshalJSON reads a string, which is split, or a list.
func (c *Command) UnmarshalJSON(data []byte) error { *c = nil; return readJSON(data, c) }

// UnmarshalYAML reads a string, which is split, or a list.
func (c *Command) UnmarshalYAML(f func(any) error) error { *c = nil; return readYAML(f, c) }

// UnmarshalJSON reads a map, or a list of NAME=value.
func (e *Environment) UnmarshalJSON(data []byte) error { *e = nil; return readJSON(data, e) }

// UnmarshalYAML reads a map, or a list of NAME=value.
func (e *Environment) UnmarshalYAML(f func(any) error) error { *e = nil; return readYAML(f, e) }

// UnmarshalJSON reads one string, or a list.
func (l *StringList) UnmarshalJSON(data []byte) error { *l = nil; return readJSON(data, l) }

// UnmarshalYAML reads one string, or a list.
func (l *StringList) UnmarshalYAML(f func(any) error) error { *l = nil; return readYAML(f, l) }

// UnmarshalJSON reads a list of names, or a map of name to policy.
func (c *Calls) UnmarshalJSON(data []byte) error { *c = nil; return readJSON(data, c) }

// UnmarshalYAML reads a list of names, or a map of name to policy.
func (c *Calls) UnmarshalYAML(f func(any) error) error { *c = nil; return readYAML(f, c) }

// UnmarshalJSON reads a list of names, or a map of name to condition.
func (o *DependsOn) UnmarshalJSON(data []byte) error { *o = nil; return readJSON(data, o) }

// UnmarshalYAML reads a list of names, or a map of name to condition.
func (o *DependsOn) UnmarshalYAML(f func(any) error) error { *o = nil; return readYAML(f, o) }

// UnmarshalJSON reads a map, or a list of secret names.
func (s *ServiceSecrets) UnmarshalJSON(data []byte) error { *s = nil; return readJSON(data, s) }

// UnmarshalYAML reads a map, or a list of secret names.
func (s *ServiceSecrets) UnmarshalYAML(f func(any) error) error { *s = nil; return readYAML(f, s) }

// UnmarshalJSON reads NAME:VARIABLE, or a mapping.
func (v *Volume) UnmarshalJSON(data []byte) error { *v = Volume{}; return readJSON(data, v) }

// UnmarshalYAML reads NAME:VARIABLE, or a mapping.
func (v *Volume) UnmarshalYAML(f func(any) error) error { *v = Volume{}; return readYAML(f, v) }

// UnmarshalJSON reads a word of Balance.By, or a mapping.
func (b *Balance) UnmarshalJSON(data []byte) error { *b = Balance{}; return readJSON(data, b) }

// UnmarshalYAML reads a word of Balance.By, or a mapping.
func (b *Balance) UnmarshalYAML(f func(any) error) error { *b = Balance{}; return readYAML(f, b) }

// UnmarshalJSON reads true, or a mapping.
func (c *Cache) UnmarshalJSON(data []byte) error { *c = Cache{}; return readJSON(data, c) }

// UnmarshalYAML reads true, or a mapping.
func (c *Cache) UnmarshalYAML(f func(any) error) error { *c = Cache{}; return readYAML(f, c) }

// UnmarshalJSON reads a number, or a mapping.
func (c *Concurrency) UnmarshalJSON(data []byte) error { *c = Concurrency{}; return readJSON(data, c) }

// UnmarshalYAML reads a number, or a mapping.
func (c *Concurrency) UnmarshalYAML(f func(any) error) error {
	*c = Concurrency{}
	return readYAML(f, c)
}

// UnmarshalJSON reads a path, or a mapping.
func (s *Subscription) UnmarshalJSON(data []byte) error {
	*s = Subscription{}
	return readJSON(data, s)
}

// UnmarshalYAML reads a path, or a mapping.
func (s *Subscription) UnmarshalYAML(f func(any) error) error {
	*s = Subscription{}
	return readYAML(f, s)
}

// UnmarshalJSON reads none, or a mapping.
func (u *StepUndo) UnmarshalJSON(data []byte) error { *u = StepUndo{}; return readJSON(data, u) }

// UnmarshalYAML reads none, or a mapping.
func (u *StepUndo) UnmarshalYAML(f func(any) error) error { *u = StepUndo{}; return readYAML(f, u) }

// UnmarshalJSON reads a strategy, or a mapping.
func (u *Update) UnmarshalJSON(data []byte) error { *u = Update{}; return readJSON(data, u) }

// UnmarshalYAML reads a strategy, or a mapping.
func (u *Update) UnmarshalYAML(f func(any) error) error { *u = Update{}; return readYAML(f, u) }
