package definition

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/banyanrun/banyan/appfile"
)

// Source is all that a definition is compiled from. As JSON it is kept for as
// long as a saga runs by it.
type Source struct {
	Name string `json:"name"`
	// Saga with its defaults filled in.
	Saga *appfile.Saga `json:"saga"`
	// Schemas are the texts of the files that Saga names.
	Schemas map[string]string `json:"schemas,omitempty"`
	// Topics are the schemas of the data of the events that Saga waits for.
	Topics map[string]string `json:"topics,omitempty"`
	// Subs are the sagas that Saga runs.
	Subs map[string]SubSource `json:"subs,omitempty"`
}

// SubSource is what a saga must know of one that it runs.
type SubSource struct {
	// Pivot: it has a point of no return.
	Pivot bool `json:"pivot,omitempty"`
	// Input is the text of the schema of its input.
	Input string `json:"input,omitempty"`
}

// Problem is a mistake in a saga.
type Problem = appfile.Finding

// Parse compiles what [Definition.Source] returned.
func Parse(text []byte) (*Definition, error) {
	var src Source
	if err := json.Unmarshal(text, &src); err != nil {
		return nil, fmt.Errorf("the definition of a saga cannot be read: %w", err)
	}
	if src.Saga == nil {
		return nil, fmt.Errorf("the definition of the saga %s is empty", src.Name)
	}
	d, problems := compile(src, text)
	for _, p := range problems {
		if !p.Warning {
			return nil, fmt.Errorf("the definition of the saga %s cannot be used: %s", src.Name, p.Message)
		}
	}
	return d, nil
}

// Compile returns the definition, or nil, and what is wrong with it; warnings
// come with a definition too.
func Compile(src Source) (*Definition, []Problem) {
	text, err := json.Marshal(src)
	if err != nil {
		return nil, []Problem{{Path: []string{"sagas", src.Name}, Message: err.Error()}}
	}
	return compile(src, text)
}

func digest(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:16])
}
