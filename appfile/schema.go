package appfile

import (
	_ "embed"
	"slices"
)

//go:generate go test -run ^TestSchemaIsPublished$ . -update

//go:embed banyan.schema.json
var schema []byte

// Schema is the JSON Schema (2020-12) of the app file, for editors. It is
// made from the types of this package, their comments and their rules, and is
// published as banyan.schema.json beside this file. What it accepts, Load may
// still refuse: it does not know which services there are.
func Schema() []byte { return slices.Clone(schema) }
