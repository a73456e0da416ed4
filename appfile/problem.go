package appfile

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Problem is one mistake in an app file: where, what, and what to do about it.
type Problem struct {
	// File is the file's path as the caller gave it. Empty where the app was
	// made by a program and not read from a file.
	File string
	// Line and Column count from 1; columns count characters, not bytes. Both
	// are 0 where File is empty.
	Line, Column int
	// Message says what is wrong, in one line without a final stop.
	Message string
	// Fix says what to write or do. It may be empty.
	Fix string
}

// String formats the problem as file:line:column: message; fix.
func (p Problem) String() string {
	var b strings.Builder
	if p.File != "" {
		fmt.Fprintf(&b, "%s:%d:%d: ", p.File, p.Line, p.Column)
	}
	b.WriteString(p.Message)
	if p.Fix != "" {
		b.WriteString("; " + p.Fix)
	}
	return b.String()
}

// Excerpt shows the problem's line of source, the lines around it, and a
// caret below the column. It is empty where source has no such line.
func (p Problem) Excerpt(source []byte) string {
	lines := splitLines(string(source))
	if p.Line < 1 || p.Line > len(lines) {
		return ""
	}
	first, last := max(1, p.Line-1), p.Line
	width := len(strconv.Itoa(last))
	var b strings.Builder
	before := utf8.RuneCountInString(visible(prefixRunes(lines[p.Line-1], p.Column-1)))
	skip := max(0, before-excerptWidth/2)
	for n := first; n <= last; n++ {
		fmt.Fprintf(&b, "%*d | %s\n", width+2, n, window(visible(lines[n-1]), skip))
	}
	fmt.Fprintf(&b, "%*s | %s^\n", width+2, "", strings.Repeat(" ", before-skip))
	return b.String()
}

// excerptWidth bounds the lines of an excerpt, in characters.
const excerptWidth = 160

// window is the part of a line that an excerpt shows.
func window(line string, skip int) string {
	line = line[len(prefixRunes(line, skip)):]
	return prefixRunes(line, excerptWidth)
}

// visible replaces tabs, so that carets line up in every terminal, and
// control characters, which could do harm in one.
func visible(line string) string {
	var b strings.Builder
	for _, r := range line {
		switch {
		case r == '\t':
			b.WriteString("    ")
		case unicode.IsControl(r):
			b.WriteRune('\uFFFD')
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// prefixRunes is the first n characters of s.
func prefixRunes(s string, n int) string {
	for i := range s {
		if n <= 0 {
			return s[:i]
		}
		n--
	}
	return s
}

// splitLines splits text at line ends of every kind that YAML knows. The
// last line is present even when it is empty.
func splitLines(text string) []string {
	text = strings.ReplaceAll(text, "\r\n", "\n")
	return strings.Split(strings.ReplaceAll(text, "\r", "\n"), "\n")
}

// Problems are all the mistakes found in one run, sorted by file and
// position. It is the error that [Load] and [Parse] return for them.
type Problems []Problem

// Error lists the problems, one a line.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// Render lists the problems, each followed by an excerpt of its source. read
// returns the content of a problem's file; nil means [os.ReadFile]. Where it
// fails, the problem stands without an excerpt.
func (ps Problems) Render(read func(file string) ([]byte, error)) string {
	if read == nil {
		read = os.ReadFile
	}
	cache := map[string][]byte{}
	var b strings.Builder
	for _, p := range ps {
		b.WriteString(p.String() + "\n")
		if p.File == "" {
			continue
		}
		source, ok := cache[p.File]
		if !ok {
			source, _ = read(p.File)
			cache[p.File] = source
		}
		b.WriteString(p.Excerpt(source))
	}
	return b.String()
}

// sorted orders problems by file and position, and drops doubles. Files are
// ordered as in files, the others as they were first reported.
func (ps Problems) sorted(files ...string) Problems {
	rank := map[string]int{}
	for i, f := range files {
		rank[f] = i
	}
	for _, p := range ps {
		if _, ok := rank[p.File]; !ok {
			rank[p.File] = len(rank)
		}
	}
	slices.SortStableFunc(ps, func(a, b Problem) int {
		return cmp.Or(
			cmp.Compare(rank[a.File], rank[b.File]),
			cmp.Compare(a.Line, b.Line),
			cmp.Compare(a.Column, b.Column),
		)
	})
	seen := map[Problem]bool{}
	return slices.DeleteFunc(ps, func(p Problem) bool {
		double := seen[p]
		seen[p] = true
		return double
	})
}
