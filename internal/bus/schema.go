package bus

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/banyanrun/banyan/internal/fault"
)

// problemsMost bounds Error.Problems.
const problemsMost = 10

// A schema is known by an address, against which its references are resolved.
const (
	schemaBase = "file:///"
	schemaURL  = schemaBase + "schema.json"
)

// compileSchema reads a JSON Schema. References leave the text for the
// metaschemas only: what a topic accepts must not depend on other files or servers.
func compileSchema(topic string, text []byte) (*jsonschema.Schema, error) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil, fault.New(fault.Invalid, "the schema of topic %s is not JSON: %w", topic, err)
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.UseLoader(jsonschema.SchemeURLLoader{})
	if err := c.AddResource(schemaURL, doc); err != nil {
		return nil, unusable(topic, err)
	}
	schema, err := c.Compile(schemaURL)
	if err != nil {
		return nil, unusable(topic, err)
	}
	return schema, nil
}

// unusable says why a schema cannot be compiled.
func unusable(topic string, err error) error {
	why, fix := err.Error(), ""
	if e, ok := errors.AsType[*jsonschema.LoadURLError](err); ok {
		why = "it refers to " + strings.TrimPrefix(e.URL, schemaBase)
		fix = "a schema stands alone: put what it refers to under $defs"
	} else if e, ok := errors.AsType[*jsonschema.SchemaValidationError](err); ok {
		if invalid, ok := errors.AsType[*jsonschema.ValidationError](e.Err); ok {
			why = problemsOf(invalid)[0].String()
		}
	}
	e := fault.New(fault.Invalid, "the schema of topic %s cannot be used: %s", topic, strings.ReplaceAll(why, schemaURL, ""))
	if fix != "" {
		_ = e.Fix("%s", fix)
	}
	return e
}

// validate checks an event's data.
func (t *topicState) validate(data []byte) *Error {
	if t.schema == nil {
		return nil
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		return t.mismatch([]Problem{{Message: "it is not JSON: " + err.Error()}})
	}
	err = t.schema.Validate(value)
	if err == nil {
		return nil
	}
	invalid, ok := errors.AsType[*jsonschema.ValidationError](err)
	if !ok {
		return t.mismatch([]Problem{{Message: err.Error()}})
	}
	return t.mismatch(problemsOf(invalid))
}

// problemsOf returns at least one, and at most problemsMost. Where alternatives
// failed, it is what each of them wants.
func problemsOf(invalid *jsonschema.ValidationError) []Problem {
	var problems []Problem
	var collect func(*jsonschema.OutputUnit)
	collect = func(unit *jsonschema.OutputUnit) {
		if unit.Error != nil && len(problems) < problemsMost {
			problems = append(problems, Problem{Path: unit.InstanceLocation, Message: unit.Error.String()})
		}
		for i := range unit.Errors {
			collect(&unit.Errors[i])
		}
	}
	collect(invalid.DetailedOutput())
	if len(problems) == 0 {
		problems = []Problem{{Message: invalid.Error()}}
	}
	return problems
}

func (t *topicState) mismatch(problems []Problem) *Error {
	e := refuse(SchemaMismatch, t.name, "the data does not satisfy the schema of topic %s: %s", t.name, problems[0])
	e.Problems = problems
	return e
}

// String returns, for example, "/items/0: missing property 'sku'".
func (p Problem) String() string {
	if p.Path == "" {
		return p.Message
	}
	return p.Path + ": " + p.Message
}

// compatible returns an error unless all data that the schema in force accepts
// is accepted by the next one, as far as that can be told.
func compatible(topic string, inForce, next []byte) error {
	if len(inForce) == 0 && len(next) > 0 {
		return nil // a topic's first schema has nothing to be compared with
	}
	if len(next) == 0 || bytes.Equal(inForce, next) {
		return nil
	}
	was, err := jsonschema.UnmarshalJSON(bytes.NewReader(inForce))
	if err != nil {
		return fault.New(fault.Damaged, "the schema in force of topic %s cannot be read: %w", topic, err)
	}
	is, err := jsonschema.UnmarshalJSON(bytes.NewReader(next))
	if err != nil {
		return fault.New(fault.Invalid, "the schema of topic %s is not JSON: %w", topic, err)
	}
	c := comparison{was: was, is: is}
	c.schemas("", was, is)
	if len(c.problems) == 0 {
		return nil
	}
	slices.Sort(c.problems)
	if more := len(c.problems) - problemsMost; more > 0 {
		c.problems = append(c.problems[:problemsMost], fmt.Sprintf("and %d more", more))
	}
	return fault.New(fault.Invalid, "the new schema of topic %s refuses data that the one in force accepts: %s", topic, strings.Join(c.problems, "; ")).
		Fix("change it so that it accepts them, use a new topic, or say `compatibility: none` for the topic")
}
