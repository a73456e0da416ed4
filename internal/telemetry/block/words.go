package block

import (
	"bytes"
	"strings"

	"github.com/banyanrun/banyan/internal/telemetry/match"
)

// withWord notes which values, which are texts, have a word, which is in lower case.
func (c *column) withWord(word string, wanted []bool) (found bool) {
	text := func(i int) string {
		p := parser{b: c.raw[c.offsets[i]+1 : c.offsets[i+1]]}
		return p.text()
	}
	if !foldsBytewise(c.raw) || !ascii(word) {
		for i := range wanted {
			wanted[i] = hasWord(text(i), word)
			found = found || wanted[i]
		}
		return found
	}
	// All values at once are searched more quickly than one by one.
	lower, i := lowered(c.raw), 0
	for at := 0; ; {
		next := bytes.Index(lower[at:], []byte(word))
		if next < 0 {
			return found
		}
		at += next
		for i < len(wanted)-1 && int(c.offsets[i+1]) <= at {
			i++
		}
		if wanted[i] = wanted[i] || hasWord(text(i), word); wanted[i] {
			found = true
			at = int(c.offsets[i+1])
		} else {
			at++
		}
	}
}

// foldsBytewise reports whether no character outside of ASCII has a lower case in
// ASCII. There are two: the Kelvin sign, and the I with a dot.
func foldsBytewise(b []byte) bool {
	return !bytes.Contains(b, []byte("\u212a")) && !bytes.Contains(b, []byte("\u0130"))
}

// lowered returns the bytes with ASCII letters in lower case.
func lowered(b []byte) []byte {
	lower := make([]byte, len(b))
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		lower[i] = c
	}
	return lower
}

// hasWord reports whether a text has a word, which is in lower case.
func hasWord(text, word string) bool {
	if ascii(text) && !containsFold(text, word) {
		return false // which is so most often, and quick
	}
	found := false
	match.Words(text, func(w string) bool {
		found = w == word
		return !found
	})
	return found
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// containsFold reports whether an ASCII text contains a lower-case word, whatever its case.
func containsFold(text, word string) bool {
	if word == "" {
		return true
	}
	lower, upper := word[0], word[0]
	if lower >= 'a' && lower <= 'z' {
		upper = lower - 'a' + 'A'
	}
	for len(text) >= len(word) {
		at := strings.IndexByte(text, lower)
		if upper != lower {
			if end := max(at, 0); at < 0 {
				at = strings.IndexByte(text, upper)
			} else if other := strings.IndexByte(text[:end], upper); other >= 0 {
				at = other
			}
		}
		if at < 0 || len(text)-at < len(word) {
			return false
		}
		if strings.EqualFold(text[at:at+len(word)], word) {
			return true
		}
		text = text[at+1:]
	}
	return false
}
