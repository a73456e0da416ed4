package bus

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// comparison looks for data that one schema accepts and another refuses. It
// errs on the side of finding some: keywords that it does not understand must be
// equal. One thing is left out on purpose: a property that the old schema does
// not name is taken not to be there, since otherwise no property could ever be
// added to a schema that leaves others open.
type comparison struct {
	was, is  any // the documents, for references
	problems []string
	depth    int
}

// depthMost ends a comparison of schemas that refer to themselves: what is alike
// for so many levels is taken to be alike for all.
const depthMost = 32

func (c *comparison) problem(path, what string) {
	if path == "" {
		path = "/"
	}
	c.problems = append(c.problems, path+": "+what)
}

// schemas compares what is at a path. Nil means any value, as true does.
func (c *comparison) schemas(path string, was, is any) {
	if c.depth++; c.depth > depthMost {
		c.depth--
		return
	}
	defer func() { c.depth-- }()
	if was == false || is == nil || is == true {
		return
	}
	if is == false {
		c.problem(path, "nothing is accepted any more")
		return
	}
	old, _ := resolve(c.was, was).(map[string]any) // true and nil become no keywords
	now, ok := resolve(c.is, is).(map[string]any)
	if !ok {
		c.problem(path, "the schema cannot be followed")
		return
	}
	c.types(path, old, now)
	c.values(path, old, now)
	c.bounds(path, old, now)
	c.objects(path, old, now)
	c.arrays(path, old, now)
	c.branches(path, old, now)
	c.rest(path, old, now)
}

// resolve follows a reference within the document, where a schema is nothing else.
func resolve(doc, schema any) any {
	for range depthMost {
		m, ok := schema.(map[string]any)
		ref, isRef := m["$ref"].(string)
		if !ok || !isRef || !strings.HasPrefix(ref, "#") {
			return schema
		}
		for name := range m {
			if name != "$ref" && !annotations[name] {
				return schema
			}
		}
		schema = doc
		for token := range strings.SplitSeq(strings.TrimPrefix(ref, "#"), "/") {
			if token == "" {
				continue
			}
			token = strings.NewReplacer("~1", "/", "~0", "~").Replace(token)
			m, _ := schema.(map[string]any)
			schema = m[token]
		}
	}
	return schema
}

func (c *comparison) types(path string, old, now map[string]any) {
	want := names(now["type"])
	if want == nil {
		return
	}
	had := names(old["type"])
	if had == nil {
		if values := enum(old); values == nil {
			c.problem(path, "the type is bound to "+strings.Join(want, ", "))
		} else {
			had = typesOf(values)
		}
	}
	for _, t := range had {
		if !slices.Contains(want, t) && !(t == "integer" && slices.Contains(want, "number")) {
			c.problem(path, "type "+t+" is not accepted any more")
		}
	}
}

func names(v any) []string {
	switch v := v.(type) {
	case string:
		return []string{v}
	case []any:
		all := []string{}
		for _, n := range v {
			s, _ := n.(string)
			all = append(all, s)
		}
		return all
	}
	return nil
}

// enum returns the only values that a schema accepts; nil: it does not list them.
func enum(schema map[string]any) []any {
	if v, ok := schema["const"]; ok {
		return []any{v}
	}
	values, _ := schema["enum"].([]any)
	return values
}

func typesOf(values []any) []string {
	var all []string
	for _, v := range values {
		switch v := v.(type) {
		case nil:
			all = append(all, "null")
		case bool:
			all = append(all, "boolean")
		case string:
			all = append(all, "string")
		case json.Number:
			if _, err := v.Int64(); err == nil {
				all = append(all, "integer")
			} else {
				all = append(all, "number")
			}
		case []any:
			all = append(all, "array")
		default:
			all = append(all, "object")
		}
	}
	return all
}

func (c *comparison) values(path string, old, now map[string]any) {
	want := enum(now)
	if want == nil {
		return
	}
	had := enum(old)
	if had == nil {
		c.problem(path, "values are bound to a list")
	}
	for _, v := range had {
		if !slices.ContainsFunc(want, func(w any) bool { return reflect.DeepEqual(v, w) }) {
			text, _ := json.Marshal(v) // it came from JSON
			c.problem(path, string(text)+" is not accepted any more")
		}
	}
}

// lower and upper are keywords whose numbers must not rise and not fall.
var (
	lower = []string{"minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"}
	upper = []string{"maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"}
)

func (c *comparison) bounds(path string, old, now map[string]any) {
	for i, list := range [2][]string{lower, upper} {
		for _, name := range list {
			want, ok := number(now[name])
			if !ok {
				continue
			}
			had, bound := number(old[name])
			if !bound && i == 0 && want == 0 && strings.HasPrefix(name, "min") && name != "minimum" {
				continue // lengths and counts are never below zero
			}
			if !bound || i == 0 && had < want || i == 1 && had > want {
				c.problem(path, name+" is narrower")
			}
		}
	}
}

func number(v any) (float64, bool) {
	n, ok := v.(json.Number)
	if !ok {
		return 0, false
	}
	f, err := n.Float64()
	return f, err == nil
}

func (c *comparison) objects(path string, old, now map[string]any) {
	had, want := object(old["properties"]), object(now["properties"])
	required := names(old["required"])
	for _, name := range names(now["required"]) {
		if !slices.Contains(required, name) {
			c.problem(path+"/"+name, "it is required now")
		}
	}
	for name, schema := range had {
		next, ok := want[name]
		if !ok {
			next = now["additionalProperties"]
		}
		c.schemas(path+"/"+name, schema, next)
	}
	if more, ok := now["additionalProperties"]; ok {
		c.schemas(path+"/*", old["additionalProperties"], more)
	}
	if extra, ok := old["additionalProperties"].(map[string]any); ok {
		for name, next := range want {
			if _, named := had[name]; !named {
				c.schemas(path+"/"+name, extra, next)
			}
		}
	}
}

func object(v any) map[string]any {
	m, _ := v.(map[string]any)
	return m
}

func (c *comparison) arrays(path string, old, now map[string]any) {
	if next, ok := now["items"]; ok {
		c.schemas(path+"/[]", old["items"], next)
	}
	if now["uniqueItems"] == true && old["uniqueItems"] != true {
		c.problem(path, "items must be unique now")
	}
}

// branches lets alternatives grow: each old one must fit into a new one.
func (c *comparison) branches(path string, old, now map[string]any) {
	want, ok := now["anyOf"].([]any)
	if !ok {
		return
	}
	had, ok := old["anyOf"].([]any)
	if !ok {
		had = []any{old}
	}
	for _, branch := range had {
		if !slices.ContainsFunc(want, func(next any) bool { return c.fits(branch, next) }) {
			c.problem(path, "an alternative of anyOf is not accepted any more")
		}
	}
}

func (c *comparison) fits(was, is any) bool {
	trial := comparison{was: c.was, is: c.is, depth: c.depth}
	trial.schemas("", was, is)
	return len(trial.problems) == 0
}

// annotations say nothing of what is accepted.
var annotations = set("title", "description", "default", "examples", "deprecated", "readOnly", "writeOnly", "format",
	"contentEncoding", "contentMediaType", "contentSchema", "$comment", "$schema", "$id", "$anchor", "$vocabulary", "$defs", "definitions")

// compared are the keywords that the functions above know.
var compared = set("type", "enum", "const", "minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties",
	"maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties",
	"properties", "required", "additionalProperties", "items", "uniqueItems", "anyOf")

func set(names ...string) map[string]bool {
	all := map[string]bool{}
	for _, n := range names {
		all[n] = true
	}
	return all
}

// rest wants every other keyword of the new schema to be in the old one, and those
// whose meaning hangs on others not to be touched.
func (c *comparison) rest(path string, old, now map[string]any) {
	for _, name := range slices.Sorted(maps.Keys(now)) {
		if annotations[name] || compared[name] {
			continue
		}
		had, ok := old[name]
		same := ok && reflect.DeepEqual(had, now[name])
		if same && refers(now[name]) {
			same = reflect.DeepEqual(c.was, c.is)
		}
		if same && entangled[name] {
			same = reflect.DeepEqual(old, now)
		}
		if !same {
			c.problem(path, name+" is new or changed, and cannot be compared")
		}
	}
	for name, bound := range map[string]string{"prefixItems": "items", "patternProperties": "additionalProperties"} {
		_, had := old[name]
		_, has := now[name]
		if now[bound] != nil && had && !has {
			c.problem(path, name+" is gone, and "+bound+" holds for what it named")
		}
	}
}

// entangled keywords mean something else when others beside them change.
var entangled = set("unevaluatedProperties", "unevaluatedItems", "contains", "if", "$dynamicRef")

// refers reports whether there is a reference anywhere in a value.
func refers(v any) bool {
	switch v := v.(type) {
	case string:
		return strings.HasPrefix(v, "#")
	case []any:
		return slices.ContainsFunc(v, refers)
	case map[string]any:
		for name, value := range v {
			if name == "$ref" || refers(value) {
				return true
			}
		}
	}
	return false
}
