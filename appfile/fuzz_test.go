package appfile

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// inside checks that every problem points into the text.
func inside(t *testing.T, name, text string, ps Problems) {
	t.Helper()
	lines := splitLines(strings.TrimPrefix(text, "\ufeff"))
	for _, p := range ps {
		if p.File != name || p.Line < 1 || p.Line > len(lines) {
			t.Fatalf("%+v is not in the file of %d lines", p, len(lines))
		}
		if width := utf8.RuneCountInString(lines[p.Line-1]); p.Column < 1 || p.Column > width+1 {
			t.Fatalf("%+v is not in its line of %d characters", p, width)
		}
		if p.Message == "" || !utf8.ValidString(p.String()) || strings.ContainsFunc(p.String(), unicode.IsControl) {
			t.Fatalf("%+v has no proper message", p)
		}
		_ = p.Excerpt([]byte(text))
	}
}

func FuzzParse(f *testing.F) {
	for _, pattern := range []string{"testdata/bad/*.yaml", "testdata/good/*.yaml"} {
		files, _ := filepath.Glob(pattern)
		for _, path := range files {
			data, err := os.ReadFile(path)
			if err != nil {
				f.Fatal(err)
			}
			_, body := splitWant(string(data))
			f.Add(body)
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		file, err := Parse("banyan.yaml", []byte(text), corpusOptions())
		if err != nil {
			ps, ok := errors.AsType[Problems](err)
			if !ok || len(ps) == 0 {
				t.Fatalf("not problems: %v", err)
			}
			inside(t, "banyan.yaml", text, ps)
			return
		}
		inside(t, "banyan.yaml", text, file.Warnings)
		roundTrip(t, file.App)
	})
}

func FuzzExpand(f *testing.F) {
	for _, s := range []string{"${out}/a", "$$", "${env.A:-b}", "${services.a.url}", "${", "$A"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		same := func(r Ref) (string, error) { return r.String(), nil }
		got, err := Expand(s, same)
		if err == nil && !strings.Contains(s, "$$") && got != s {
			t.Fatalf("%q becomes %q", s, got)
		}
		for _, r := range Refs(s) {
			if back := Refs(r.String()); len(back) != 1 || back[0] != r {
				t.Fatalf("%+v is read as %+v", r, back)
			}
		}
		if got, err := Expand(Escape(s), same); err != nil || got != s {
			t.Fatalf("escaped, %q becomes %q, %v", s, got, err)
		}
	})
}

func FuzzParseEnvFile(f *testing.F) {
	for _, s := range []string{"A=1\nexport B='c'\n", "A=\"b\nc\" # d\n", "# x\nbad\n", "A='"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		vars, err := ParseEnvFile("a.env", []byte(text))
		if err != nil {
			ps, ok := errors.AsType[Problems](err)
			if !ok || len(ps) == 0 {
				t.Fatalf("not problems: %v", err)
			}
			inside(t, "a.env", text, ps)
		}
		for name, val := range vars {
			if !envName().MatchString(name) || strings.ContainsRune(val, 0) {
				t.Fatalf("%q=%q", name, val)
			}
		}
	})
}

func FuzzSplitCommand(f *testing.F) {
	for _, s := range []string{`a 'b c' "d\"e" f\ g`, "a && b", "${env.X:-a b}", "a \\\n b", "A=b c", "cd x && y"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		words, problems := splitCommand(s)
		if len(words) == 0 && len(problems) == 0 {
			t.Fatal("neither words nor problems")
		}
		for _, p := range problems {
			if p.off < 0 || p.off > len(s) {
				t.Fatalf("%+v is outside", p)
			}
		}
		for _, w := range words {
			if w.off < 0 || w.off > len(s) {
				t.Fatalf("%+v is outside", w)
			}
		}
	})
}
