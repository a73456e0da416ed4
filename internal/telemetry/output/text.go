package output

import (
	"strings"
	"unicode/utf8"
)

const escape = '\x1b'

// clean takes away what colours the line, and puts U+FFFD where it is no UTF-8.
func (l *Line) clean() {
	if !l.Cut {
		l.Text = strings.TrimSuffix(l.Text, "\r")
	}
	if !utf8.ValidString(l.Text) {
		l.Text = strings.ToValidUTF8(l.Text, "\uFFFD")
	}
	if strings.IndexByte(l.Text, escape) < 0 {
		return
	}
	var b strings.Builder
	for i := 0; i < len(l.Text); {
		if n := colour(l.Text[i:]); n > 0 {
			i += n
			continue
		}
		b.WriteByte(l.Text[i])
		i++
	}
	l.Text = b.String()
}

// colour is how long the sequence is that s begins with: ESC [ numbers m. 0: it does not.
func colour(s string) int {
	if len(s) < 3 || s[0] != escape || s[1] != '[' {
		return 0
	}
	for i := 2; i < len(s); i++ {
		switch c := s[i]; {
		case c >= '0' && c <= '9' || c == ';':
		case c == 'm' || c == 'K':
			return i + 1
		default:
			return 0
		}
	}
	return 0
}
