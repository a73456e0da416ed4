package archtest

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

// room is one row of the table: a package, or with a name that ends in "/..."
// a package and everything below it that has no row of its own.
type room struct {
	name    string   // import path below the module
	imports []string // the rooms of this module that it may import
	tests   []string // what its test files may import besides
	why     string   // completes "…: " in the message about a forbidden import
}

// checkImports reports every import that the table does not allow and every
// package that has no row, as "file:line: what is wrong and what to do".
func checkImports(fsys fs.FS, module string, table []room) ([]string, error) {
	pkgs, err := load(fsys)
	if err != nil {
		return nil, err
	}
	var problems []string
	for _, p := range pkgs {
		r, ok := find(table, p.dir)
		if !ok {
			problems = append(problems, fmt.Sprintf("%s:1: %s is not in the table. %s", p.files[0].name, p.dir, newRoom))
			continue
		}
		for _, f := range p.files {
			problems = append(problems, r.check(p, f, module)...)
		}
	}
	return problems, nil
}

// newRoom is what a person reads who adds a package.
const newRoom = "Add a room for it to internal/archtest/table.go and a line to CONTRIBUTING.md. " +
	"Think first: is there a use for it today; does a noun say what it is for; could a room that exists hold it; " +
	"who may import it; and can it make do with appfile, internal/fault and internal/model, " +
	"declaring the small interfaces it needs so that internal/daemon wires them?"

func (r room) check(p pkg, f file, module string) []string {
	var problems []string
	f.imports(func(importPath string, line int) {
		dir, ours := strings.CutPrefix(importPath, module+"/")
		if !ours || dir == p.dir || r.allows(dir, f.test) {
			return
		}
		in := p.dir
		if f.test {
			in = "a test of " + p.dir
		}
		problems = append(problems, fmt.Sprintf("%s:%d: %s imports %s, but may import %s: %s",
			f.name, line, in, dir, r.allowance(f.test), r.why))
	})
	return problems
}

func (r room) allows(dir string, test bool) bool {
	covers := func(pattern string) bool { return covers(pattern, dir) }
	return strings.HasSuffix(r.name, "/...") && covers(r.name) ||
		slices.ContainsFunc(r.imports, covers) ||
		test && slices.ContainsFunc(r.tests, covers)
}

func (r room) allowance(test bool) string {
	rooms := slices.Clone(r.imports)
	if test {
		rooms = append(rooms, r.tests...)
	}
	if len(rooms) == 0 {
		return "nothing of this module"
	}
	return "only " + strings.Join(rooms, ", ")
}

// find returns the row with the longest name that covers dir.
func find(table []room, dir string) (room, bool) {
	var best room
	for _, r := range table {
		if covers(r.name, dir) && len(r.name) > len(best.name) {
			best = r
		}
	}
	return best, best.name != ""
}

func covers(pattern, dir string) bool {
	base, below := strings.CutSuffix(pattern, "/...")
	return dir == base || below && strings.HasPrefix(dir, base+"/")
}
