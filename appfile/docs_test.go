package appfile_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/banyanrun/banyan/appfile"
)

// TestDocs parses the app files of the documentation: each block that is
// marked as yaml is a whole one; parts are marked as yaml fragment.
func TestDocs(t *testing.T) {
	paths, err := filepath.Glob("../docs/*.md")
	if err != nil || len(paths) == 0 {
		t.Fatalf("%d documents, error %v", len(paths), err)
	}
	blocks := 0
	for _, path := range append(paths, "../README.md") {
		data, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range yamlBlocks(string(data)) {
			blocks++
			name := filepath.Base(path)
			f, err := appfile.Parse(name, b.text, appfile.Options{Profiles: []string{"*"}, Lookup: func(string) (string, bool) { return "x", true }})
			if err != nil {
				t.Errorf("%s, the block below line %d:\n%v", name, b.line, err)
				continue
			}
			for _, w := range f.Warnings {
				t.Errorf("%s, the block below line %d: warning: %v", name, b.line, w)
			}
		}
	}
	if blocks == 0 {
		t.Error("no block is marked as yaml")
	}
}

// block is what stands between two fences.
type block struct {
	line int // of the opening fence
	text []byte
}

// yamlBlocks finds the blocks whose info string is exactly yaml. A fence may
// be indented, as in a list; its indentation is taken off the lines.
func yamlBlocks(markdown string) []block {
	var out []block
	fence, indent, wanted := false, "", false
	for i, line := range strings.Split(markdown, "\n") {
		trimmed := strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(trimmed, "```") && !fence:
			fence, wanted = true, strings.TrimPrefix(trimmed, "```") == "yaml"
			indent, _, _ = strings.Cut(line, "```")
			if wanted {
				out = append(out, block{line: i + 1})
			}
		case trimmed == "```":
			fence = false
		case fence && wanted:
			last := &out[len(out)-1]
			last.text = append(last.text, strings.TrimPrefix(line, indent)+"\n"...)
		}
	}
	return out
}
