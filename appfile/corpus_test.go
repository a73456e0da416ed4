package appfile

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the expectations of testdata and the published schema")

// corpusOptions make every run alike: REGION is the one variable that is set.
func corpusOptions() Options {
	return Options{Profiles: []string{"*"}, Lookup: func(name string) (string, bool) {
		return "eu$1", name == "REGION"
	}}
}

// TestBad runs the files of testdata/bad. Each begins with comment lines
// "# want LINE:COLUMN: message; fix", one for each problem or warning.
func TestBad(t *testing.T) {
	files, err := filepath.Glob("testdata/bad/*.yaml")
	if err != nil || len(files) < 60 {
		t.Fatalf("%d files, error %v; want at least 60", len(files), err)
	}
	for _, path := range files {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".yaml"), func(t *testing.T) {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			want, body := splitWant(string(data))
			got := findings(string(data))
			if *update {
				// The number of lines above the body moves the positions.
				for range 3 {
					data = []byte(got + body)
					got = findings(string(data))
				}
				if err := os.WriteFile(path, []byte(got+body), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if want == "" {
				t.Error("the file has no expectation")
			}
			if got != want {
				t.Errorf("got:\n%s\nwant:\n%s", got, want)
			}
		})
	}
}

// findings are the problems, or else the warnings, in the form of want lines.
func findings(data string) string {
	f, err := Parse("banyan.yaml", []byte(data), corpusOptions())
	found, kind := Problems(nil), "# want "
	switch {
	case err == nil:
		found, kind = f.Warnings, "# want warning "
	case !errors.As(err, &found):
		return err.Error()
	}
	var b strings.Builder
	for _, p := range found {
		b.WriteString(kind + strings.TrimPrefix(p.String(), "banyan.yaml:") + "\n")
	}
	return b.String()
}

func splitWant(data string) (want, body string) {
	for {
		line, rest, ok := strings.Cut(data, "\n")
		if !ok || !strings.HasPrefix(line, "# want ") {
			return want, data
		}
		want += line + "\n"
		data = rest
	}
}
