package archtest

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/banyanrun/banyan"

// root is the repository, seen from this directory, where go test runs.
func root() fs.FS { return os.DirFS(filepath.Join("..", "..")) }

func TestImports(t *testing.T) {
	if !exists(root(), "internal/archtest/table.go") {
		t.Fatal("this is not the root of the repository")
	}
	problems, err := checkImports(root(), module, table)
	if err != nil {
		t.Fatal(err)
	}
	for _, problem := range problems {
		t.Error(problem)
	}
}

func TestPackageDocs(t *testing.T) {
	problems, err := checkDocs(root())
	if err != nil {
		t.Fatal(err)
	}
	for _, problem := range problems {
		t.Error(problem)
	}
}

// What is public may be used from outside, where internal cannot be resolved.
func TestPublicRoomsSeeNothingInternal(t *testing.T) {
	for _, r := range table {
		top, _, _ := strings.Cut(r.name, "/")
		if slices.Contains([]string{"internal", "cmd", "bench", "e2e"}, top) {
			continue
		}
		for _, dir := range slices.Concat(r.imports, r.tests) {
			if strings.HasPrefix(dir, "internal/") {
				t.Errorf("the table lets %s, which is public, import %s", r.name, dir)
			}
		}
	}
}

func TestTableIsWhole(t *testing.T) {
	names := map[string]bool{}
	for _, r := range table {
		if names[r.name] {
			t.Errorf("%s has two rows", r.name)
		}
		names[r.name] = true
		if r.why == "" {
			t.Errorf("%s does not say why", r.name)
		}
	}
	for _, r := range table {
		for _, dir := range slices.Concat(r.imports, r.tests) {
			if !names[dir] {
				t.Errorf("the row of %s names %s, which has no row", r.name, dir)
			}
		}
	}
}

// A newcomer looks for a room in CONTRIBUTING.md.
func TestRoomsAreListed(t *testing.T) {
	page, err := fs.ReadFile(root(), "CONTRIBUTING.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range table {
		if name := strings.TrimSuffix(r.name, "..."); !strings.Contains(string(page), "| `"+name+"` |") {
			t.Errorf("CONTRIBUTING.md has no line for %s", name)
		}
	}
}

// The checks must find what is planted in testdata/planted and nothing else.
// Each planted mistake is described in the file that holds it.
func TestPlanted(t *testing.T) {
	planted := os.DirFS(filepath.Join("testdata", "planted"))
	rows := []room{
		{name: "vocab", why: "a leaf"},
		{name: "left", imports: []string{"vocab"}, tests: []string{"harness"}, why: "engines do not see each other"},
		{name: "right", imports: []string{"vocab"}, why: "engines do not see each other"},
		{name: "harness", imports: []string{"vocab"}, why: "for tests"},
		{name: "cmd/...", imports: []string{"left", "right"}, why: "the root"},
		{name: "generated", why: "it is generated"},
		{name: "testonly", why: "it has only tests"},
		{name: "examples/...", why: "users"},
	}
	imports, err := checkImports(planted, "example.com/planted", rows)
	if err != nil {
		t.Fatal(err)
	}
	docs, err := checkDocs(planted)
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Join(slices.Concat(imports, docs), "\n") + "\n"
	want, err := fs.ReadFile(planted, "want.txt")
	if err != nil {
		t.Fatal(err)
	}
	if expected := strings.ReplaceAll(string(want), "$NEW_ROOM", newRoom); got != expected {
		t.Errorf("got:\n%s\nwant:\n%s", got, expected)
	}
}
