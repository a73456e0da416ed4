package ignore

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// never are names that are not sources, whatever .gitignore says.
var never = map[string]bool{".git": true, ".banyan": true, "node_modules": true, ".hg": true, ".svn": true, "__pycache__": true}

// scratch matches what editors write beside the file that is being edited.
var scratch = regexp.MustCompile(`^(\.#.*|#.*#|.*~|\..*\.sw[a-z]|4913|\.goutputstream-.*|.*\.tmp|.*___jb_(tmp|old)___)$`)

// Rules are what is ignored in a directory: its .gitignore and those above it.
// They are safe for concurrent use.
type Rules struct {
	dir    string
	rules  []rule
	parent *Rules
}

type rule struct {
	match   *regexp.Regexp // of the path relative to the .gitignore, with slashes
	negate  bool
	dirOnly bool
}

// In reads dir's .gitignore. parent are the rules of the directory above; nil:
// they are read too, up to the root of the repository.
func In(dir string, parent *Rules) *Rules {
	if parent == nil && !isRepository(dir) && dir != filepath.Dir(dir) && inRepository(dir) {
		parent = In(filepath.Dir(dir), nil)
	}
	data, err := os.ReadFile(filepath.Join(dir, ".gitignore"))
	if err != nil && parent != nil {
		return parent
	}
	return &Rules{dir: dir, rules: parseRules(string(data)), parent: parent}
}

func isRepository(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, ".git"))
	return err == nil
}

func inRepository(dir string) bool {
	for ; ; dir = filepath.Dir(dir) {
		if isRepository(dir) {
			return true
		}
		if dir == filepath.Dir(dir) {
			return false
		}
	}
}

// Ignores decides about path, whose directory is not ignored itself.
func (g *Rules) Ignores(path string, isDir bool) bool {
	name := filepath.Base(path)
	if never[name] || scratch.MatchString(name) {
		return true
	}
	for ; g != nil; g = g.parent {
		rel, err := filepath.Rel(g.dir, path)
		if err != nil || strings.HasPrefix(rel, "..") {
			continue
		}
		if ignored, decided := g.decide(filepath.ToSlash(rel), isDir); decided {
			return ignored
		}
	}
	return false
}

// Again reads the rules of dir anew, which are these or were inherited from these.
func (g *Rules) Again(dir string) *Rules {
	if g.dir == dir {
		return In(dir, g.parent)
	}
	return In(dir, g)
}

// decide lets the last rule that matches win.
func (g *Rules) decide(rel string, isDir bool) (ignored, decided bool) {
	for _, r := range slices.Backward(g.rules) {
		if (isDir || !r.dirOnly) && r.match.MatchString(rel) {
			return !r.negate, true
		}
	}
	return false, false
}

// parseRules reads .gitignore's syntax; patterns that make no sense match nothing.
func parseRules(text string) []rule {
	var rules []rule
	for l := range strings.Lines(text) {
		l = strings.TrimRight(l, "\r\n")
		if !strings.HasSuffix(l, `\ `) {
			l = strings.TrimRight(l, " \t")
		}
		if l == "" || l[0] == '#' {
			continue
		}
		var r rule
		l, r.negate = strings.CutPrefix(l, "!")
		l, r.dirOnly = strings.CutSuffix(l, "/")
		if re, err := regexp.Compile(toRegexp(l)); err == nil {
			r.match = re
			rules = append(rules, r)
		}
	}
	return rules
}

// toRegexp translates a pattern. One with a slash before its end is anchored
// at the .gitignore's directory.
func toRegexp(pattern string) string {
	var b strings.Builder
	b.WriteString("^")
	if !strings.Contains(pattern, "/") {
		b.WriteString("(?:.*/)?")
	}
	pattern = strings.TrimPrefix(pattern, "/")
	for pattern != "" {
		piece, n := translate(pattern)
		b.WriteString(piece)
		pattern = pattern[n:]
	}
	b.WriteString("$")
	return b.String()
}

// translate turns the beginning of a pattern into a piece of a regular
// expression and says how much of it that was.
func translate(p string) (piece string, n int) {
	switch {
	case strings.HasPrefix(p, "**/"):
		return "(?:.*/)?", 3
	case p == "/**":
		return "/.*", 3
	case strings.HasPrefix(p, "/**/"):
		return "/(?:.*/)?", 4
	case p[0] == '*':
		return "[^/]*", 1 + len(p[1:]) - len(strings.TrimLeft(p[1:], "*"))
	case p[0] == '?':
		return "[^/]", 1
	case p[0] == '\\' && len(p) > 1:
		return regexp.QuoteMeta(p[1:2]), 2
	case p[0] == '[':
		if end := strings.IndexByte(p[1:], ']'); end > 0 {
			set := p[1 : end+1]
			if set[0] == '!' {
				set = "^" + set[1:]
			}
			return "[" + strings.ReplaceAll(set, `\`, `\\`) + "]", end + 2
		}
	}
	return regexp.QuoteMeta(p[:1]), 1
}
