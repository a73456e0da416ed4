package ignore_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/banyanrun/banyan/internal/ignore"
)

func write(t *testing.T, root, name, content string) {
	t.Helper()
	path := filepath.Join(root, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestIgnore(t *testing.T) {
	root := t.TempDir()
	write(t, root, ".git/HEAD", "")
	write(t, root, ".gitignore", "# built\n*.log\n/dist\nbuild/\n!keep.log\ndocs/**/gen\na/**\nfo[!x]\n\\#odd\ntrailing   \n")
	write(t, root, "svc/.gitignore", "!special.log\n*.gen.go\n")
	g := ignore.In(filepath.Join(root, "svc"), nil)
	for _, c := range []struct {
		path string
		dir  bool
		want bool
	}{
		{"main.go", false, false},
		{"x.log", false, true},
		{"svc/x.log", false, true},
		{"keep.log", false, false},
		{"svc/special.log", false, false},
		{"svc/api.gen.go", false, true},
		{"api.gen.go", false, false},
		{"dist", true, true},
		{"svc/dist", true, false},
		{"svc/build", true, true},
		{"svc/build", false, false},
		{"docs/gen", true, true},
		{"docs/x/y/gen", true, true},
		{"a/b", false, true},
		{"foo", false, true},
		{"fox", false, false},
		{"#odd", false, true},
		{"trailing", false, true},
		{"node_modules", true, true},
		{".banyan", true, true},
		{"svc/.main.go.swp", false, true},
		{"svc/main.go~", false, true},
	} {
		if got := g.Ignores(filepath.Join(root, c.path), c.dir); got != c.want {
			t.Errorf("Ignores(%s, dir %v) = %v, want %v", c.path, c.dir, got, c.want)
		}
	}
}
