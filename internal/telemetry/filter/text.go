package filter

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// form is how a text is compared.
type form uint8

const (
	exact    form = iota // it is the text
	glob                 // it is the text, in which * stands for any
	within               // it contains the text, in upper or lower case
	matching             // it matches a regular expression
)

// pattern is what a text is compared with.
type pattern struct {
	form  form
	text  string   // of within: in lower case
	parts []string // of glob: what stands between its *
	// Of within: the text was ASCII, and where in it the search begins.
	ascii  bool
	anchor int
	re     *regexp.Regexp // of matching
}

func newGlob(text string) pattern {
	if !strings.Contains(text, "*") {
		return pattern{text: text}
	}
	return pattern{form: glob, text: text, parts: strings.Split(text, "*")}
}

func newWithin(text string) pattern {
	p := pattern{form: within, text: strings.ToLower(text), ascii: true}
	for i := range len(text) {
		p.ascii = p.ascii && text[i] < utf8.RuneSelf
	}
	p.anchor = rarest(p.text)
	return p
}

func (p *pattern) match(s string) bool {
	switch p.form {
	case exact:
		return s == p.text
	case glob:
		return p.glob(s)
	case within:
		if p.ascii {
			return containsASCII(s, p.text, p.anchor)
		}
		return containsFold(s, p.text)
	default:
		return p.re.MatchString(s)
	}
}

// matchBytes is match for a few bytes. They are copied for a * or a regular expression alone.
func (p *pattern) matchBytes(s []byte) bool {
	switch {
	case p.form == exact:
		return string(s) == p.text
	case p.form == within && p.ascii:
		return containsASCII(string(s), p.text, p.anchor)
	case p.form == within:
		return containsFold(string(s), p.text)
	default:
		return p.match(string(s))
	}
}

func (p *pattern) glob(s string) bool {
	first, last := p.parts[0], p.parts[len(p.parts)-1]
	if len(s) < len(first)+len(last) || !strings.HasPrefix(s, first) || !strings.HasSuffix(s, last) {
		return false
	}
	s = s[len(first) : len(s)-len(last)]
	for _, part := range p.parts[1 : len(p.parts)-1] {
		at := strings.Index(s, part)
		if at < 0 {
			return false
		}
		s = s[at+len(part):]
	}
	return true
}

// frequent are letters and what else is common in texts, the most frequent first.
const frequent = " etaoinsr0lhd1cu2m=./-:,_p\"f3g4"

// rarest is where in a part the byte is that is found least often in a text.
func rarest(part string) int {
	best, rank := 0, -1
	for i := range len(part) {
		r := strings.IndexByte(frequent, part[i])
		if r < 0 {
			return i
		}
		if r > rank {
			best, rank = i, r
		}
	}
	return best
}

// containsASCII reports whether s contains part, which is ASCII in lower case, in
// upper or lower case. It looks for the byte at anchor by what the machine has for it.
func containsASCII(s, part string, anchor int) bool {
	if part == "" {
		return true
	}
	lower, upper := part[anchor], part[anchor]
	if lower >= 'a' && lower <= 'z' {
		upper -= 'a' - 'A'
	}
	for len(s) >= len(part) {
		room := s[anchor : len(s)-len(part)+anchor+1]
		at := strings.IndexByte(room, lower)
		if upper != lower {
			if at >= 0 {
				room = room[:at]
			}
			if first := strings.IndexByte(room, upper); first >= 0 {
				at = first
			}
		}
		if at < 0 {
			return false
		}
		if beginsASCII(s[at:], part) {
			return true
		}
		s = s[at+1:]
	}
	return false
}

func beginsASCII(s, part string) bool {
	for i := range len(part) {
		c := s[i]
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != part[i] {
			return false
		}
	}
	return true
}

// containsFold is containsASCII for any part in lower case.
func containsFold(s, part string) bool {
	for {
		if beginsFold(s, part) {
			return true
		}
		if s == "" {
			return false
		}
		_, n := utf8.DecodeRuneInString(s)
		s = s[n:]
	}
}

func beginsFold(s, part string) bool {
	for part != "" {
		if s == "" {
			return false
		}
		want, n := utf8.DecodeRuneInString(part)
		got, m := utf8.DecodeRuneInString(s)
		if unicode.ToLower(got) != want {
			return false
		}
		part, s = part[n:], s[m:]
	}
	return true
}
