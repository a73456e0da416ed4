package filter

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// mostBytes and mostDepth bound a filter, and with it the stack that it takes.
const (
	mostBytes = 8 << 10
	mostDepth = 100
)

// scanner walks over a filter's text.
type scanner struct {
	text string
	pos  int
}

func (s *scanner) done() bool { return s.pos >= len(s.text) }

// peek is the next byte; 0 at the end.
func (s *scanner) peek() byte {
	if s.done() {
		return 0
	}
	return s.text[s.pos]
}

// skip passes over white space.
func (s *scanner) skip() {
	for !s.done() {
		r, n := utf8.DecodeRuneInString(s.text[s.pos:])
		if !unicode.IsSpace(r) {
			return
		}
		s.pos += n
	}
}

// gap reports whether white space, a ) or the end is here.
func (s *scanner) gap() bool {
	r, _ := utf8.DecodeRuneInString(s.text[s.pos:])
	return s.done() || r == ')' || unicode.IsSpace(r)
}

// until passes over all that is neither white space, nor a parenthesis, nor a
// double quote, nor one of stops.
func (s *scanner) until(stops string) string {
	from := s.pos
	for !s.done() {
		r, n := utf8.DecodeRuneInString(s.text[s.pos:])
		if unicode.IsSpace(r) || strings.ContainsRune(`()"`, r) || strings.ContainsRune(stops, r) {
			break
		}
		s.pos += n
	}
	return s.text[from:s.pos]
}

const operatorBytes = "=!~<>"

// operator passes over a run of what operators are made of.
func (s *scanner) operator() string {
	from := s.pos
	for !s.done() && strings.IndexByte(operatorBytes, s.peek()) >= 0 {
		s.pos++
	}
	return s.text[from:s.pos]
}

// keyword is the keyword that stands here, in lower case: and, or, not. A name
// that an operator follows is none.
func (s *scanner) keyword() string {
	look := *s
	word := look.until(operatorBytes)
	if look.operator() != "" {
		return ""
	}
	for _, k := range []string{"and", "or", "not"} {
		if strings.EqualFold(word, k) {
			return k
		}
	}
	return ""
}

// take passes over a keyword if it stands here.
func (s *scanner) take(keyword string) bool {
	if s.keyword() != keyword {
		return false
	}
	s.pos += len(keyword)
	return true
}

// quoteBegins reports whether a text in quotes begins here.
func (s *scanner) quoteBegins() bool { return s.peek() == '"' || s.peek() == '\'' }

// quoted reads a text in quotes, of either kind; all that follows, if that is wrong.
func (s *scanner) quoted() (string, error) {
	at, quote := s.pos, s.peek()
	var b strings.Builder
	for s.pos++; !s.done(); s.pos++ {
		switch c := s.peek(); c {
		case quote:
			s.pos++
			return b.String(), nil
		case '\\':
			s.pos++
			plain, ok := escapes[s.peek()]
			if !ok {
				at, escape := s.pos-1, s.here()
				s.pos = len(s.text)
				return "", s.wrong(at, `write \\ for a backslash, \" for a quote, \n for a new line`, `unknown escape “\%s” @`, escape)
			}
			b.WriteByte(plain)
		default:
			b.WriteByte(c)
		}
	}
	return "", s.wrong(at, "write "+string(quote)+" where it ends", "the text that begins with %c @ has no end", quote)
}

// here is the character that stands here, for errors.
func (s *scanner) here() string {
	_, n := utf8.DecodeRuneInString(s.text[s.pos:])
	return s.text[s.pos : s.pos+n]
}

var escapes = map[byte]byte{'"': '"', '\'': '\'', '\\': '\\', 'n': '\n', 'r': '\r', 't': '\t'}

// expression reads a regular expression in slashes; an i behind it: in upper or
// lower case. A slash within is written \/. Without an end it is all that follows.
func (s *scanner) expression() (source string, fold bool, err error) {
	at := s.pos
	for s.pos++; !s.done(); s.pos++ {
		switch s.peek() {
		case '/':
			source = s.text[at+1 : s.pos]
			s.pos++
			if s.peek() == 'i' {
				s.pos++
				fold = true
			}
			return source, fold, nil
		case '\\':
			s.pos++
		}
	}
	s.pos = len(s.text)
	return "", false, s.wrong(at, "write / where it ends; a text that begins with / stands in quotes: "+quote(firstWord(s.text[at:])),
		"the regular expression “%s” @ has no end", excerpt(firstWord(s.text[at:])))
}

// firstWord is a text up to its first white space.
func firstWord(text string) string {
	word, _, _ := strings.Cut(text, " ")
	return word
}

// quote is a text in double quotes.
func quote(text string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(text) {
		switch c := text[i]; c {
		case '"', '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case '\n':
			b.WriteString(`\n`)
		case '\r':
			b.WriteString(`\r`)
		case '\t':
			b.WriteString(`\t`)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}
