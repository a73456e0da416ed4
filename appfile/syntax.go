package appfile

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// explained is a syntax error in plain words, at the place to look at.
type explained struct {
	pos          pos
	message, fix string
}

var (
	// flowRef is an unquoted ${…} after [, { or a comma, where YAML takes its { for a mapping.
	flowRef = pattern(`[\[{,][^"'#]*?\$\{`)
	// tightKey is a key without the space after its colon.
	tightKey = pattern(`^(\s*(?:- )?)([A-Za-z_][\w-]*):([^\s:/].*)$`)
	// emptyItem is a comma too many.
	emptyItem = pattern(`[\[{,]\s*,`)
	// secondColon is a second ": " in a plain value.
	secondColon = pattern(`^\s*(?:- )?[\w.-]+:\s+[^"'\[{|>#&*!\s].*:(?:\s|$)`)
)

// explainSyntax turns the parser's message into one for somebody who does not
// know YAML's grammar. The lines near the place tell what was probably meant.
func explainSyntax(src *source, line, col int, message string) explained {
	at := pos{src, line, col}
	if e, ok := explainLine(src, line, message); ok {
		return e
	}
	if r := runeAt(src, at); r == "}" || r == "]" {
		return explained{at, "this " + r + " closes nothing", "remove it"}
	}
	switch {
	case strings.Contains(message, `character '\t'`), strings.Contains(message, "character '\t'"):
		return explained{at, "a tab indents this line", "YAML indents with spaces: replace each tab by two"}
	case strings.Contains(message, "could not find end character of double-quoted"):
		return explained{at, `the " that begins here is never closed`, `end the text with "; inside it, write \" for a quote`}
	case strings.Contains(message, "could not find end character of single-quoted"):
		return explained{at, "the ' that begins here is never closed", "end the text with '; inside it, write '' for a quote"}
	case strings.Contains(message, "reserved character"):
		return explained{at, "a text cannot begin with " + runeAt(src, at) + " in YAML", "put the text in quotes"}
	case strings.Contains(message, "unexpected directive"):
		return explained{at, "a text cannot begin with % in YAML", "put the text in quotes"}
	case strings.Contains(message, "'}'"), strings.Contains(message, "flow map"):
		return explained{lastOpen(src, at, '{', '}'), "the { … } that begins here is not complete", "separate its parts by commas and close it with }; put texts that hold { } [ ] or , in quotes"}
	case strings.Contains(message, "']'"):
		return explained{lastOpen(src, at, '[', ']'), "the [ … ] that begins here is not complete", "separate its parts by commas and close it with ]; put texts that hold { } [ ] or , in quotes"}
	case strings.Contains(message, "non-map value"), strings.Contains(message, "unexpected key name"), strings.Contains(message, "implicit line break"):
		return explained{at, "this line is not of the form key: value", "write a key, a colon and a space, then the value"}
	case strings.Contains(message, "mapping value is not allowed"):
		return explained{at, "a key: value stands where it cannot belong to anything", "check the indentation of this line and the next; a text that holds a colon and a space needs quotes"}
	case strings.Contains(message, "block sequence"), strings.Contains(message, "sequence was used"):
		return explained{at, "a list item stands where it cannot belong to anything", "indent all the items of a list alike, below their key"}
	case strings.Contains(message, "value is not allowed in this context"):
		return explained{at, "the indentation of this line fits none of the lines above it", "indent keys that belong together by the same number of spaces"}
	case strings.Contains(message, "unexpected end content"):
		return explained{at, "there is text after the end of the document (...)", "remove the line ... or what follows it"}
	}
	message, _, _ = strings.Cut(message, "\n")
	return explained{at, "this is not valid YAML: " + message, "check the indentation and the quotes here and on the line above"}
}

// explainLine looks for the usual slips on the reported line and the two
// after it, since the parser reports some of them early.
func explainLine(src *source, line int, message string) (explained, bool) {
	for n := line; n <= min(line+1, len(src.lines)); n++ {
		text := src.lines[n-1]
		place := func(byteOffset int) pos {
			return pos{src, n, utf8.RuneCountInString(text[:byteOffset]) + 1}
		}
		indent := text[:len(text)-len(strings.TrimLeft(text, " \t"))]
		if i := strings.IndexByte(indent, '\t'); i >= 0 {
			return explained{place(i), "a tab indents this line", "YAML indents with spaces: replace each tab by two"}, true
		}
		if n == line {
			if m := flowRef().FindStringIndex(text); m != nil {
				return explained{place(m[1] - 2), "${…} inside { } or [ ] needs quotes, because YAML takes its brace for its own", `write it as "${…}", or put each part on a line of its own`}, true
			}
		}
		if trimmed := trimmedLeft(text); n == line && strings.HasPrefix(trimmed, ":") {
			return explained{place(len(text) - len(trimmed)), "there is no key before this colon", "write key: value"}, true
		}
		if n == line && strings.HasPrefix(trimmedLeft(text), "//") {
			return explained{place(len(indent)), "comments begin with #, not with //", "write # " + strings.TrimLeft(trimmedLeft(text), "/ ")}, true
		}
		if i := strings.Index(text, " #"); n == line && i >= 0 && strings.ContainsAny(text[:i], "{[") {
			return explained{place(i + 1), "# begins a comment here, so that the line ends before it", "put a text that begins with # in quotes"}, true
		}
		if m := emptyItem().FindStringIndex(text); n == line && m != nil {
			return explained{place(m[1] - 1), "there is nothing before this comma", "remove it"}, true
		}
		if m := tightKey().FindStringSubmatchIndex(text); m != nil {
			key, val := text[m[4]:m[5]], text[m[6]:m[7]]
			return explained{place(m[7] - len(val) - 1), "the colon after " + key + " needs a space", "write " + key + ": " + val}, true
		}
		if n == line && strings.Contains(message, "mapping value is not allowed") && secondColon().MatchString(text) {
			return explained{place(len(indent)), `the value on this line holds a colon and a space, which YAML takes for another key`, "put the value in quotes"}, true
		}
	}
	if strings.Contains(message, "mapping value is not allowed") && line < len(src.lines) {
		next := src.lines[line]
		col := utf8.RuneCountInString(next) - utf8.RuneCountInString(strings.TrimLeft(next, " ")) + 1
		return explained{pos{src, line + 1, col}, "this line is indented below a key that already has a value", "indent it as the line above, or remove the value above"}, true
	}
	return explained{}, false
}

func trimmedLeft(s string) string { return strings.TrimLeft(s, " ") }

// lastOpen is the last bracket before at that is not closed before it.
// Brackets in quotes and comments count as well, which is good enough here.
func lastOpen(src *source, at pos, open, closing rune) pos {
	depth := 0
	for line := at.line; line >= max(1, at.line-100); line-- {
		text := []rune(src.lines[line-1])
		if line == at.line {
			text = text[:min(len(text), at.col)]
		}
		for i, r := range slices.Backward(text) {
			switch r {
			case closing:
				depth++
			case open:
				if depth == 0 {
					return pos{src, line, i + 1}
				}
				depth--
			}
		}
	}
	return at
}

func runeAt(src *source, at pos) string {
	line := []rune(src.lines[at.line-1])
	if at.col-1 < len(line) {
		return string(line[at.col-1])
	}
	return "this character"
}
