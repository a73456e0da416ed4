package archtest

import (
	"fmt"
	"go/ast"
	"io/fs"
	"path"
	"strings"
)

// checkDocs reports every package of the root module without a doc comment that
// says, in two lines or more, what it is for. Generated packages are passed
// over: what they are is said in the source that they come from.
func checkDocs(fsys fs.FS) ([]string, error) {
	pkgs, err := load(fsys)
	if err != nil {
		return nil, err
	}
	var problems []string
	for _, p := range pkgs {
		if p.nested {
			continue
		}
		if problem := p.docProblem(); problem != "" {
			problems = append(problems, problem)
		}
	}
	return problems, nil
}

func (p pkg) docProblem() string {
	documented := p.docFiles()
	if len(documented) == 0 {
		return ""
	}
	name := documented[0].ast.Name.Name
	begins := beginnings(p.dir, name)
	for _, f := range documented {
		if f.ast.Doc == nil {
			continue
		}
		text := f.ast.Doc.Text()
		at := fmt.Sprintf("%s:%d", f.name, f.fset.Position(f.ast.Doc.Pos()).Line)
		switch {
		case !beginsWithOne(text, begins):
			return fmt.Sprintf("%s: the package comment of %s does not begin with %s", at, p.dir, strings.Join(begins, " or "))
		case lines(text) < 2:
			return fmt.Sprintf("%s: the package comment of %s is too short: say in two lines or more what it is for, who may use it and what it promises", at, p.dir)
		}
		return ""
	}
	return fmt.Sprintf("%s:1: %s has no package comment: say in two lines or more what it is for, who may use it and what it promises", documented[0].name, p.dir)
}

// docFiles are the files that may hold the package comment: test files only
// where there is nothing else, and no generated ones.
func (p pkg) docFiles() []file {
	var source, tests []file
	generated := false
	for _, f := range p.files {
		switch {
		case ast.IsGenerated(f.ast):
			generated = true
		case f.test:
			tests = append(tests, f)
		default:
			source = append(source, f)
		}
	}
	if len(source) == 0 && !generated {
		return tests
	}
	return source
}

func beginnings(dir, name string) []string {
	if name == "main" {
		return []string{fmt.Sprintf("%q", "Command "+path.Base(dir)), `"Banyan"`}
	}
	return []string{fmt.Sprintf("%q", "Package "+strings.TrimSuffix(name, "_test"))}
}

func beginsWithOne(text string, quoted []string) bool {
	for _, q := range quoted {
		if strings.HasPrefix(text, strings.Trim(q, `"`)+" ") {
			return true
		}
	}
	return false
}

func lines(text string) int {
	n := 0
	for line := range strings.Lines(text) {
		if strings.TrimSpace(line) != "" {
			n++
		}
	}
	return n
}
