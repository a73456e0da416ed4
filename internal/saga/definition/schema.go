package definition

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// schema checks JSON. nil accepts all.
type schema struct{ compiled *jsonschema.Schema }

const schemaURL = "file:///schema.json"

// compileSchema reads a JSON Schema; no text is nil. References leave it for the
// metaschemas only: what a saga accepts must not depend on other files or servers.
func compileSchema(text string) (*schema, error) {
	if text == "" {
		return nil, nil
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader([]byte(text)))
	if err != nil {
		return nil, fmt.Errorf("it is not JSON: %w", err)
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.UseLoader(jsonschema.SchemeURLLoader{})
	if err := c.AddResource(schemaURL, doc); err != nil {
		return nil, err
	}
	compiled, err := c.Compile(schemaURL)
	if err != nil {
		return nil, err
	}
	return &schema{compiled}, nil
}

// check returns what is wrong with a value. No text is null.
func (s *schema) check(text json.RawMessage) error {
	if s == nil {
		return nil
	}
	if len(text) == 0 {
		text = json.RawMessage("null")
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return fmt.Errorf("it is not JSON: %w", err)
	}
	err = s.compiled.Validate(value)
	if invalid, ok := errors.AsType[*jsonschema.ValidationError](err); ok {
		return errors.New(firstOf(invalid.DetailedOutput()))
	}
	return err
}

// firstOf is the first thing that is wrong, such as "/items/0: missing property 'sku'".
func firstOf(unit *jsonschema.OutputUnit) string {
	if unit.Error != nil {
		if unit.InstanceLocation == "" {
			return unit.Error.String()
		}
		return unit.InstanceLocation + ": " + unit.Error.String()
	}
	for i := range unit.Errors {
		if text := firstOf(&unit.Errors[i]); text != "" {
			return text
		}
	}
	return ""
}
