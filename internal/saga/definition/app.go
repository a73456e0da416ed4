package definition

import (
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/banyanrun/banyan/appfile"
)

// Read returns the text of a file that an app file names.
type Read func(file string) ([]byte, error)

// ReadIn reads files that are named relative to a directory, or absolutely.
func ReadIn(dir string) Read {
	return func(file string) ([]byte, error) {
		if !filepath.IsAbs(file) {
			file = filepath.Join(dir, file)
		}
		return os.ReadFile(file)
	}
}

// FromApp compiles the sagas of an app, and says what is wrong with them. With
// mistakes there may be definitions missing.
func FromApp(sagas map[string]*appfile.Saga, topics map[string]*appfile.Topic, read Read) (map[string]*Definition, []Problem) {
	a := &appReader{sagas: sagas, topics: topics, read: read}
	defs := map[string]*Definition{}
	for _, name := range slices.Sorted(maps.Keys(sagas)) {
		src, ok := a.source(name)
		if !ok {
			continue
		}
		def, problems := Compile(src)
		a.problems = append(a.problems, problems...)
		if def != nil {
			defs[name] = def
		}
	}
	return defs, a.problems
}

// Check is for appfile.Options.Check: it finds mistakes in the expressions of
// sagas and in the schemas of sagas and topics. Files are looked for in dir, and
// not at all where that is empty.
func Check(app *appfile.App, dir string) []appfile.Finding {
	read := ReadIn(dir)
	if dir == "" {
		read = func(string) ([]byte, error) { return nil, nil }
	}
	var problems []Problem
	for _, name := range slices.Sorted(maps.Keys(app.Topics)) {
		t := app.Topics[name]
		if t == nil || t.Schema == "" {
			continue
		}
		text, err := read(t.Schema)
		if err == nil {
			_, err = compileSchema(string(text))
		}
		if err != nil {
			problems = append(problems, Problem{Path: []string{"topics", name, "schema"}, Message: "the schema cannot be used: " + err.Error()})
		}
	}
	if len(problems) > 0 {
		return problems
	}
	_, problems = FromApp(app.Sagas, app.Topics, read)
	return problems
}

// appReader gathers what the sagas of an app are compiled from.
type appReader struct {
	sagas    map[string]*appfile.Saga
	topics   map[string]*appfile.Topic
	read     Read
	problems []Problem
}

// source is what a saga is compiled from; false: a file cannot be read.
func (a *appReader) source(name string) (Source, bool) {
	src := Source{Name: name, Saga: a.sagas[name], Schemas: map[string]string{}, Topics: map[string]string{}, Subs: map[string]SubSource{}}
	if src.Saga == nil {
		return src, false
	}
	good := a.schema(src.Schemas, src.Saga.Input, "sagas", name, "input")
	each([]string{"sagas", name}, src.Saga.Steps, func(at []string, s *appfile.SagaStep) {
		good = a.schema(src.Schemas, s.Schema, sub(at, "schema")...) && good
		if s.Wait != nil {
			if t := a.topics[s.Wait.Topic]; t != nil && t.Schema != "" {
				texts := map[string]string{}
				good = a.schema(texts, t.Schema, "topics", s.Wait.Topic, "schema") && good
				src.Topics[s.Wait.Topic] = texts[t.Schema]
			}
		}
		if other := a.sagas[s.Saga]; other != nil {
			texts := map[string]string{}
			good = a.schema(texts, other.Input, "sagas", s.Saga, "input") && good
			src.Subs[s.Saga] = SubSource{Pivot: hasPivot(other), Input: texts[other.Input]}
		}
	})
	return src, good
}

// schema reads a file into texts.
func (a *appReader) schema(texts map[string]string, file string, at ...string) bool {
	if file == "" {
		return true
	}
	text, err := a.read(file)
	if err != nil {
		a.problems = append(a.problems, Problem{Path: at, Message: "the schema cannot be read: " + err.Error()})
		return false
	}
	texts[file] = string(text)
	return true
}

func hasPivot(s *appfile.Saga) bool {
	return slices.ContainsFunc(s.Steps, func(s *appfile.SagaStep) bool { return s != nil && s.Pivot })
}
