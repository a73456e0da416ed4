package appfile

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// kind is the shape of a node.
type kind int

const (
	nullKind kind = iota
	scalarKind
	mapKind
	listKind
)

// style is how a scalar is written.
type style int

const (
	plainStyle style = iota
	singleStyle
	doubleStyle
	blockStyle
)

// source is one file that nodes come from. Nodes that were not read from a
// file have a nil source.
type source struct {
	name  string
	lines []string
}

// node is a YAML or JSON value with its position: aliases are followed, merge
// keys merged, tags gone. Nodes are shared by aliases and never changed once
// they are made.
type node struct {
	kind      kind
	src       *source
	line, col int

	text  string // of a scalar
	style style
	rows  int  // lines that a scalar goes on for, after its first
	bool  bool // a plain true or false

	entries []entry // of a map, in file order, keys unique
	items   []*node // of a list

	size int // nodes below and including this one, aliases counted in full
}

// entry is one key of a map with its value.
type entry struct {
	key       string
	src       *source
	line, col int
	val       *node
	merged    bool // came by a merge key, so that the map's own keys win
}

// get returns the value of key, or nil.
func (n *node) get(key string) *node {
	for i := range n.entries {
		if n.entries[i].key == key {
			return n.entries[i].val
		}
	}
	return nil
}

// describe names the node for "…, not a list".
func (n *node) describe() string {
	switch n.kind {
	case nullKind:
		return "empty"
	case mapKind:
		return "a mapping"
	case listKind:
		return "a list"
	default:
		if n.bool {
			return n.text
		}
		return quote(n.text)
	}
}

// pos is a place in a source.
type pos struct {
	src       *source
	line, col int
}

func (n *node) pos() pos  { return pos{n.src, n.line, n.col} }
func (e entry) pos() pos  { return pos{e.src, e.line, e.col} }
func (p pos) known() bool { return p.src != nil }

// at is where the byte offset off of the scalar's text is written. Where that
// cannot be told (escapes, folded lines) it is the scalar's own position.
func (n *node) at(off int) pos {
	p := n.pos()
	if n.kind != scalarKind || n.src == nil || off < 0 || off > len(n.text) || n.line > len(n.src.lines) {
		return p
	}
	if n.style == blockStyle {
		return n.atBlock(off)
	}
	line := []rune(n.src.lines[n.line-1])
	start := n.col - 1
	if n.style != plainStyle {
		start++
	}
	text := []rune(n.text[:off])
	if start+len(text) > len(line) || string(line[start:start+len(text)]) != string(text) {
		return n.search(off)
	}
	p.col = start + len(text) + 1
	return p
}

// atBlock is at for literal blocks, whose lines stand below the | sign.
func (n *node) atBlock(off int) pos {
	p := n.pos()
	before := n.text[:off]
	row := strings.Count(before, "\n")
	inLine := before[strings.LastIndexByte(before, '\n')+1:]
	rest, _, _ := strings.Cut(n.text[len(before)-len(inLine):], "\n")
	number := n.line + 1 + row
	if number > len(n.src.lines) {
		return n.search(off)
	}
	written := n.src.lines[number-1]
	i := strings.Index(written, rest)
	if i < 0 || rest == "" || !strings.HasSuffix(strings.TrimRight(written, " "), strings.TrimRight(rest, " ")) {
		return n.search(off)
	}
	p.line = number
	p.col = utf8.RuneCountInString(written[:i]) + utf8.RuneCountInString(inLine) + 1
	return p
}

// search finds byte off by the word that stands there, for scalars that are
// folded or hold escapes: the same word, the same number of times before it.
func (n *node) search(off int) pos {
	p := n.pos()
	word := n.text[off:]
	if i := strings.IndexAny(word, " \n\t"); i >= 0 {
		word = word[:i]
	}
	if word == "" {
		return p
	}
	before := strings.Count(n.text[:off], word)
	for number := n.line; number <= min(n.line+n.rows, len(n.src.lines)); number++ {
		line, from := n.src.lines[number-1], 0
		if number == n.line {
			from = len(prefixRunes(line, n.col-1))
		}
		for {
			i := strings.Index(line[from:], word)
			if i < 0 {
				break
			}
			if from += i; before == 0 {
				p.line, p.col = number, utf8.RuneCountInString(line[:from])+1
				return p
			}
			before--
			from += len(word)
		}
	}
	return p
}

// reporter collects what is found. warnings do not keep the app from running.
type reporter struct {
	problems Problems
	warnings Problems
}

func (r *reporter) problem(at pos, message, fix string) {
	r.problems = append(r.problems, newProblem(at, message, fix))
}

func (r *reporter) warn(at pos, message, fix string) {
	r.warnings = append(r.warnings, newProblem(at, message, fix))
}

// printable keeps what a file holds from breaking lines or steering a terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return '\uFFFD'
		}
		return r
	}, s)
}

func newProblem(at pos, message, fix string) Problem {
	p := Problem{Message: printable(message), Fix: printable(fix)}
	if at.src != nil {
		p.File, p.Line, p.Column = at.src.name, at.line, at.col
	}
	return p
}
