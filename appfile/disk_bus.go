package appfile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
)

// schemas checks that the files of JSON Schemas are there and hold JSON. What
// they say is for Options.Check.
func (c *diskCheck) schemas() {
	for _, name := range slices.Sorted(maps.Keys(c.app.Topics)) {
		c.schema(join("topics", name, "schema"), c.app.Topics[name].Schema)
	}
	for _, name := range slices.Sorted(maps.Keys(c.app.Sagas)) {
		s := c.app.Sagas[name]
		c.schema(join("sagas", name, "input"), s.Input)
		eachStep(join("sagas", name), s.Steps, func(path string, step *SagaStep) {
			c.schema(join(path, "schema"), step.Schema)
		})
	}
}

func (c *diskCheck) schema(at, name string) {
	if name == "" || c.isBad(at) {
		return
	}
	data, err := os.ReadFile(c.abs(name))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		c.report(at, fmt.Sprintf("the schema %s does not exist", quote(name)), orElse(c.nearFile(c.abs(name)), "create it; it is relative to "+c.dir))
		return
	case err != nil:
		c.report(at, fmt.Sprintf("the schema %s cannot be read: %v", quote(name), err), "check that it is a file, and its permissions")
		return
	}
	var schema any
	err = json.Unmarshal(data, &schema)
	switch schema.(type) {
	case map[string]any, bool:
		return
	}
	if bad, ok := errors.AsType[*json.SyntaxError](err); ok {
		before := data[:min(len(data), int(bad.Offset))]
		c.report(at, fmt.Sprintf("the schema %s is no JSON: line %d: %v", quote(name), 1+bytes.Count(before, []byte{'\n'}), bad), "write a JSON Schema (2020-12), as JSON")
		return
	}
	c.report(at, fmt.Sprintf("the schema %s is neither a JSON object nor true or false", quote(name)), "write a JSON Schema (2020-12), as JSON")
}
