package appfile

import (
	"bytes"
	"encoding/json"
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"maps"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// object keeps JSON objects short to write.
type object = map[string]any

const (
	envRefPattern   = `\$\{env\.`
	durationPattern = `^[0-9]+(\.[0-9]+)?d$|^([0-9]+(\.[0-9]+)?d)?(([0-9]+(\.[0-9]+)?|\.[0-9]+)(ns|us|µs|ms|s|m|h))+$|^0$|` + envRefPattern
	bytesPattern    = `^[0-9]+(\.[0-9]+)?(Ki|Mi|Gi|Ti|k|M|G|T)?$|` + envRefPattern
)

// generator makes the schema from the types and their comments.
type generator struct {
	docs map[string]string // by Type and Type.Field
	defs object
}

func TestSchemaIsPublished(t *testing.T) {
	g := &generator{docs: sourceComments(t), defs: object{}}
	root := g.structure(reflect.TypeFor[App]())
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["$id"] = "https://raw.githubusercontent.com/banyanrun/banyan/main/appfile/banyan.schema.json"
	root["title"] = "Banyan app file"
	root["$defs"] = g.defs
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(root); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile("banyan.schema.json", b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if !bytes.Equal(b.Bytes(), Schema()) {
		t.Error("banyan.schema.json does not fit the types; run: go generate ./appfile")
	}
}

// sourceComments reads the package's own comments, so that what the schema
// says and what the documentation says is one text.
func sourceComments(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	docs, fset := map[string]string{}, token.NewFileSet()
	var printer doc.Package
	for _, name := range files {
		file, err := parser.ParseFile(fset, name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			gen, ok := n.(*ast.GenDecl)
			if !ok {
				return true
			}
			for _, spec := range gen.Specs {
				if ts, ok := spec.(*ast.TypeSpec); ok {
					collect(docs, &printer, gen, ts)
				}
			}
			return true
		})
	}
	return docs
}

func collect(docs map[string]string, printer *doc.Package, gen *ast.GenDecl, ts *ast.TypeSpec) {
	name := ts.Name.Name
	docs[name] = plain(gen.Doc.Text())
	st, ok := ts.Type.(*ast.StructType)
	if !ok {
		return
	}
	for _, f := range st.Fields.List {
		for _, id := range f.Names {
			docs[name+"."+id.Name] = plain(f.Doc.Text())
		}
	}
}

func plain(text string) string { return strings.Join(strings.Fields(text), " ") }

// structure is the schema of a struct with its keys.
func (g *generator) structure(t reflect.Type) object {
	props, names := object{}, []string{}
	for _, f := range fieldsOf(t) {
		p := g.value(f.typ, f.id)
		p["description"] = g.docs[f.id]
		props[f.key] = p
		if _, ok := required[f.id]; ok {
			names = append(names, f.key)
		}
	}
	s := object{"type": "object", "description": g.docs[t.Name()], "properties": props, "additionalProperties": false}
	if len(names) > 0 {
		s["required"] = names
	}
	if extensible[t.Name()] {
		s["patternProperties"] = object{"^x-": true}
	}
	switch t.Name() {
	case "App":
		s["required"] = []string{"services"}
	case "Probe":
		s["oneOf"] = []object{{"required": []string{"http"}}, {"required": []string{"tcp"}}, {"required": []string{"exec"}}, {"required": []string{"log"}}}
	case "Fallback":
		s["anyOf"] = []object{{"required": []string{"stale"}}, {"required": []string{"service"}}, {"required": []string{"status"}}, {"required": []string{"body"}}}
	case "Fault":
		s["anyOf"] = []object{{"required": []string{"delay"}}, {"required": []string{"abort"}}}
	case "Route":
		s["anyOf"] = []object{{"required": []string{"path"}}, {"required": []string{"connect", "host"}}}
	case "Bus":
		s["if"] = object{"required": []string{"engine"}, "properties": object{"engine": object{"enum": []string{EngineNATS, EngineKafka, EngineRabbitMQ}}}}
		s["then"] = object{"required": []string{"url"}}
	case "SagaStep":
		var kinds []object
		for _, kind := range slices.Sorted(maps.Keys(stepKinds)) {
			kinds = append(kinds, object{"required": []string{kind}})
		}
		s["oneOf"] = kinds
	case "Secret":
		s["not"] = object{"required": []string{"file", "environment"}}
	}
	return s
}

// ref defines a named type once and refers to it.
func (g *generator) ref(t reflect.Type, define func() object) object {
	if _, ok := g.defs[t.Name()]; !ok {
		g.defs[t.Name()] = object{} // against recursion
		def := define()
		def["description"] = g.docs[t.Name()]
		g.defs[t.Name()] = def
	}
	return object{"$ref": "#/$defs/" + t.Name()}
}

var (
	scalarSchema = object{"type": []string{"string", "number", "boolean"}}
	nullable     = func(s object) object { return object{"anyOf": []object{s, {"type": "null"}}} }
	strings1     = object{"type": "array", "items": scalarSchema}
)

// value is the schema of a field's type.
func (g *generator) value(t reflect.Type, id string) object {
	if s := g.named(t); s != nil {
		return s
	}
	switch t.Kind() {
	case reflect.Pointer:
		return g.value(t.Elem(), id)
	case reflect.Struct:
		return g.ref(t, func() object { return g.structure(t) })
	case reflect.Slice:
		return object{"type": "array", "items": g.value(t.Elem(), id)}
	case reflect.Map:
		s := object{"type": "object", "additionalProperties": nullable(g.value(t.Elem(), ""))}
		switch t.Elem() {
		case reflect.TypeFor[*Service](), reflect.TypeFor[*Job]():
			s["additionalProperties"] = g.value(t.Elem(), "")
			s["propertyNames"] = object{"pattern": serviceName().String()}
		case reflect.TypeFor[*Secret]():
			s["propertyNames"] = object{"pattern": secretName().String()}
		case reflect.TypeFor[*Topic]():
			s["propertyNames"] = object{"pattern": topicName().String(), "maxLength": maxTopicName}
		case reflect.TypeFor[*Subscription]():
			s["additionalProperties"] = g.value(t.Elem(), "")
			s["propertyNames"] = object{"pattern": topicName().String(), "maxLength": maxTopicName}
		case reflect.TypeFor[*Saga]():
			s["additionalProperties"] = g.value(t.Elem(), "")
			s["propertyNames"] = object{"pattern": serviceName().String()}
		case reflect.TypeFor[string]():
			s["additionalProperties"] = scalarSchema
		}
		return s
	case reflect.Bool:
		return object{"type": []string{"boolean", "string"}, "pattern": envRefPattern}
	case reflect.Int:
		return g.number("integer", id)
	case reflect.Float64:
		return g.number("number", id)
	}
	if r, ok := fieldRules[id]; ok {
		return object{"anyOf": []object{{"enum": r.enum}, {"type": "string", "pattern": envRefPattern}}}
	}
	if strings.HasSuffix(id, ".User") {
		return object{"type": []string{"string", "integer"}}
	}
	return object{"type": "string"}
}

func (g *generator) number(kind, id string) object {
	s := object{"type": []string{kind, "string"}, "pattern": envRefPattern}
	r, ok := fieldRules[id]
	if !ok {
		return s
	}
	lower := "minimum"
	if r.above {
		lower = "exclusiveMinimum"
	}
	s[lower] = r.min
	if !math.IsInf(r.max, 1) {
		s["maximum"] = r.max
	}
	return s
}

// named are the types with forms of their own.
func (g *generator) named(t reflect.Type) object {
	mapOf := func(elem reflect.Type) func() object {
		return func() object {
			byName := object{"type": "object", "additionalProperties": nullable(g.value(elem, ""))}
			return object{"anyOf": []object{{"type": "array", "items": object{"type": "string"}, "uniqueItems": true}, byName}}
		}
	}
	names := object{"pattern": envName().String()}
	switch t {
	case reflect.TypeFor[Duration]():
		return g.ref(t, func() object {
			return object{"type": []string{"string", "integer"}, "pattern": durationPattern, "minimum": 0, "maximum": 0}
		})
	case reflect.TypeFor[Bytes]():
		return g.ref(t, func() object {
			return object{"type": []string{"string", "integer"}, "pattern": bytesPattern, "minimum": 0}
		})
	case reflect.TypeFor[Command]():
		return g.ref(t, func() object {
			return object{"anyOf": []object{{"type": "string", "minLength": 1}, {"type": "array", "items": scalarSchema, "minItems": 1}}}
		})
	case reflect.TypeFor[StringList]():
		return g.ref(t, func() object { return object{"anyOf": []object{{"type": "string"}, strings1}} })
	case reflect.TypeFor[Environment]():
		return g.ref(t, func() object {
			return object{"anyOf": []object{
				{"type": "object", "propertyNames": names, "additionalProperties": scalarSchema},
				{"type": "array", "items": object{"type": "string", "pattern": "^[A-Za-z_][A-Za-z0-9_]*="}},
			}}
		})
	case reflect.TypeFor[ServiceSecrets]():
		return g.ref(t, func() object {
			return object{"anyOf": []object{
				{"type": "object", "propertyNames": names, "additionalProperties": object{"type": "string"}},
				{"type": "array", "items": object{"type": "string"}, "uniqueItems": true},
			}}
		})
	case reflect.TypeFor[Calls]():
		return g.ref(t, mapOf(reflect.TypeFor[*Call]()))
	case reflect.TypeFor[DependsOn]():
		return g.ref(t, mapOf(reflect.TypeFor[*Dependency]()))
	case reflect.TypeFor[Volume]():
		return g.ref(t, func() object {
			return object{"anyOf": []object{{"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9_-]*:[A-Za-z_][A-Za-z0-9_]*$"}, g.structure(t)}}
		})
	case reflect.TypeFor[Update]():
		return g.ref(t, func() object {
			return object{"anyOf": []object{{"enum": strategies}, g.structure(t)}}
		})
	case reflect.TypeFor[Balance]():
		return g.ref(t, func() object {
			words := slices.DeleteFunc(slices.Clone(balances), func(by string) bool { return by == balanceHash })
			return object{"anyOf": []object{{"enum": words}, {"type": "string", "pattern": envRefPattern}, g.structure(t)}}
		})
	case reflect.TypeFor[Cache]():
		return g.ref(t, func() object {
			return object{"anyOf": []object{{"const": true}, {"type": "string", "pattern": envRefPattern}, g.structure(t)}}
		})
	case reflect.TypeFor[Subscription]():
		return g.ref(t, func() object {
			return object{"anyOf": []object{{"type": "string", "pattern": "^/|" + envRefPattern}, g.structure(t)}}
		})
	case reflect.TypeFor[StepUndo]():
		return g.ref(t, func() object { return object{"anyOf": []object{{"const": "none"}, g.structure(t)}} })
	case reflect.TypeFor[Alert]():
		return g.ref(t, func() object { return object{"anyOf": []object{{"enum": []any{"off", false}}, g.structure(t)}} })
	case reflect.TypeFor[Dashboard]():
		return g.ref(t, func() object { return object{"anyOf": []object{{"enum": []any{"off", false}}, g.structure(t)}} })
	case reflect.TypeFor[Concurrency]():
		return g.ref(t, func() object {
			return object{"anyOf": []object{g.number("integer", "Concurrency.Max"), g.structure(t)}}
		})
	}
	return nil
}

// TestSchemaAndLoaderAgree: what the loader takes, the schema takes; and the
// schema refuses most of what the loader refuses.
func TestSchemaAndLoaderAgree(t *testing.T) {
	schema := compiled(t)
	good, _ := filepath.Glob("testdata/good/*.yaml")
	for _, path := range good {
		if err := schema.Validate(decoded(t, path)); err != nil {
			t.Errorf("%s: the schema refuses it: %v", path, err)
		}
	}
	for _, name := range []string{"key-unknown", "key-compose", "shape-services-list", "shape-volumes", "shape-numbers", "duration-no-unit", "enum", "name-bad", "probe", "update-strategy", "command-missing", "policy-balance-word", "policy-cache-off", "policy-fallback-empty", "policy-fault-range", "policy-hedge-empty", "policy-outlier-off", "service-concurrency", "tls-no-key", "bus-engine", "bus-url-missing", "saga-steps", "subscription-path", "subscription-ranges", "topic-names", "topic-ranges", "topic-shape"} {
		if err := schema.Validate(decoded(t, "testdata/bad/"+name+".yaml")); err == nil {
			t.Errorf("%s: the schema accepts it", name)
		}
	}
}

func TestSchemaDescribesEveryKey(t *testing.T) {
	docs := sourceComments(t)
	for _, typ := range structTypes {
		for _, f := range fieldsOf(typ) {
			if docs[f.id] == "" {
				t.Errorf("%s has no comment", f.id)
			}
		}
	}
	for id := range fieldRules {
		typ, _, _ := strings.Cut(id, ".")
		if !slices.ContainsFunc(structTypes, func(t reflect.Type) bool { return t.Name() == typ }) || keyOfField(id) == id {
			t.Errorf("the rule of %s has no field", id)
		}
	}
}

func compiled(t *testing.T) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("banyan.schema.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("banyan.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// decoded is a YAML file as the values that JSON has.
func decoded(t *testing.T, path string) any {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	asJSON, err := yaml.YAMLToJSON(data)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(asJSON))
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return v
}
