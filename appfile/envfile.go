package appfile

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// ParseEnvFile reads lines of NAME=value, as in env_file. name is the file's
// name for errors, which are [Problems] with their line and column.
//
// Empty lines and lines that begin with # are skipped, "export " before a
// name too. A value in single quotes is taken as it is; in double quotes \n,
// \r, \t, \", \\ and \$ are escapes; both can span lines. Otherwise the value
// ends at the line's end, or at a # after a blank, and blanks around it are
// dropped. References such as ${env.NAME} are not replaced. The last line
// with a name wins.
func ParseEnvFile(name string, data []byte) (map[string]string, error) {
	text := strings.TrimPrefix(string(data), "\ufeff")
	p := &envParser{src: &source{name: name, lines: splitLines(text)}, out: map[string]string{}}
	if !checkEnvText(p.src, &p.reporter) {
		return nil, p.problems
	}
	for p.row < len(p.src.lines) {
		p.line()
		p.row++
	}
	if len(p.problems) > 0 {
		return nil, p.problems.sorted()
	}
	return p.out, nil
}

func checkEnvText(src *source, r *reporter) bool {
	for i, line := range src.lines {
		if !utf8.ValidString(line) || strings.ContainsRune(line, 0) {
			r.problem(pos{src, i + 1, 1}, "this line is not UTF-8 text", "save the file as UTF-8")
			return false
		}
	}
	return true
}

type envParser struct {
	reporter
	src *source
	row int // index of the current line
	out map[string]string
}

// bad reports a mistake at a byte offset of the current line.
func (p *envParser) bad(off int, message, fix string) {
	line := p.src.lines[p.row]
	p.problem(pos{p.src, p.row + 1, utf8.RuneCountInString(line[:min(off, len(line))]) + 1}, message, fix)
}

func (p *envParser) line() {
	line := p.src.lines[p.row]
	rest := strings.TrimLeft(line, " \t")
	off := len(line) - len(rest)
	if rest == "" || rest[0] == '#' {
		return
	}
	if after, ok := strings.CutPrefix(rest, "export"); ok && strings.TrimLeft(after, " \t") != after {
		trimmed := strings.TrimLeft(after, " \t")
		off += len(rest) - len(trimmed)
		rest = trimmed
	}
	name, val, ok := strings.Cut(rest, "=")
	if !ok {
		fix := "write NAME=value"
		if key, v, colon := strings.Cut(rest, ":"); colon && envName().MatchString(strings.TrimSpace(key)) {
			fix = fmt.Sprintf("write %s=%s", strings.TrimSpace(key), strings.TrimSpace(v))
		} else if envName().MatchString(rest) {
			fix = fmt.Sprintf("write %s=value, or %s= for an empty one", rest, rest)
		}
		p.bad(off, fmt.Sprintf("%s is not of the form NAME=value", quote(rest)), fix)
		return
	}
	valueAt := off + len(name) + 1
	if trimmed := strings.TrimRight(name, " \t"); trimmed != name && envName().MatchString(trimmed) {
		name = trimmed // Compose and dotenv take it, a shell does not
	}
	if !envName().MatchString(name) {
		p.bad(off, fmt.Sprintf("%s cannot be the name of a variable", quote(name)), variableNameFix(name))
		p.value(val, valueAt)
		return
	}
	if v, ok := p.value(val, valueAt); ok {
		p.out[name] = v
	}
}

// value reads what follows the =.
func (p *envParser) value(val string, off int) (string, bool) {
	trimmed := strings.TrimLeft(val, " \t")
	off += len(val) - len(trimmed)
	if trimmed != "" && (trimmed[0] == '"' || trimmed[0] == '\'') {
		return p.quoted(trimmed, off)
	}
	if strings.HasPrefix(trimmed, "#") && len(trimmed) < len(val) {
		return "", true
	}
	for i := 1; i < len(trimmed); i++ {
		if trimmed[i] == '#' && (trimmed[i-1] == ' ' || trimmed[i-1] == '\t') {
			trimmed = trimmed[:i]
			break
		}
	}
	return strings.TrimRight(trimmed, " \t"), true
}

// quoted reads a value in quotes, over several lines if need be.
func (p *envParser) quoted(val string, off int) (string, bool) {
	q, start, open := val[0], p.row, off
	var b strings.Builder
	for i := 1; ; i++ {
		if i >= len(val) {
			if p.row+1 >= len(p.src.lines) {
				p.row = start
				p.bad(open, fmt.Sprintf("the quote %c is never closed", q), fmt.Sprintf("end the value with %c", q))
				p.row = len(p.src.lines)
				return "", false
			}
			p.row++
			b.WriteByte('\n')
			val, i, off = p.src.lines[p.row], -1, 0
			continue
		}
		switch c := val[i]; {
		case c == q:
			return b.String(), p.after(val[i+1:], off+i+1)
		case c == '\\' && q == '"' && i+1 < len(val):
			i++
			b.WriteString(unescape(val[i]))
		default:
			b.WriteByte(c)
		}
	}
}

// after checks that only a comment follows a closing quote.
func (p *envParser) after(rest string, off int) bool {
	trimmed := strings.TrimLeft(rest, " \t")
	if trimmed == "" || trimmed[0] == '#' && len(trimmed) < len(rest) {
		return true
	}
	p.bad(off+len(rest)-len(trimmed), "there is text after the closing quote", "put the whole value in quotes")
	return false
}

func unescape(c byte) string {
	switch c {
	case 'n':
		return "\n"
	case 'r':
		return "\r"
	case 't':
		return "\t"
	case '"', '\\', '$', '\'':
		return string(c)
	}
	return `\` + string(c)
}
