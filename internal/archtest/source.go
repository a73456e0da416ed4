package archtest

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"strconv"
	"strings"
)

// pkg is the Go source of one directory, slash-separated below the root.
type pkg struct {
	dir    string
	nested bool // belongs to a module of its own, below the root's
	files  []file
}

// file is one source file; its import specs carry their positions.
type file struct {
	name string // below the root
	test bool
	ast  *ast.File
	fset *token.FileSet
}

// load parses every Go file below the root of fsys. Like the go command it
// passes over testdata, vendor and names that begin with a dot or underscore.
func load(fsys fs.FS) ([]pkg, error) {
	var pkgs []pkg
	nested := map[string]bool{}
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if !d.IsDir() {
			return nil
		}
		if name != "." && skipped(d.Name()) {
			return fs.SkipDir
		}
		nested[name] = name != "." && (nested[path.Dir(name)] || exists(fsys, path.Join(name, "go.mod")))
		p := pkg{dir: name, nested: nested[name]}
		if p.files, err = parseDir(fsys, name); err != nil {
			return err
		}
		if len(p.files) > 0 {
			pkgs = append(pkgs, p)
		}
		return nil
	})
	return pkgs, err
}

func skipped(name string) bool {
	return name == "testdata" || name == "vendor" || name == "node_modules" ||
		strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_")
}

func exists(fsys fs.FS, name string) bool {
	_, err := fs.Stat(fsys, name)
	return err == nil
}

func parseDir(fsys fs.FS, dir string) ([]file, error) {
	names, err := fs.Glob(fsys, path.Join(dir, "*.go"))
	if err != nil {
		return nil, err
	}
	var files []file
	for _, name := range names {
		source, err := fs.ReadFile(fsys, name)
		if errors.Is(err, fs.ErrNotExist) {
			continue // removed since it was listed
		}
		if err != nil {
			return nil, err
		}
		fset := token.NewFileSet()
		tree, err := parser.ParseFile(fset, name, source, parser.ImportsOnly|parser.ParseComments)
		if err != nil {
			return nil, err
		}
		files = append(files, file{name: name, test: strings.HasSuffix(name, "_test.go"), ast: tree, fset: fset})
	}
	return files, nil
}

// imports calls yield with each import path of the file and its line.
func (f file) imports(yield func(importPath string, line int)) {
	for _, spec := range f.ast.Imports {
		// The parser has already checked that it is a valid string literal.
		importPath, err := strconv.Unquote(spec.Path.Value)
		if err == nil {
			yield(importPath, f.fset.Position(spec.Pos()).Line)
		}
	}
}
