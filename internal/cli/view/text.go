package view

import (
	"strings"
	"unicode/utf8"

	"github.com/rivo/uniseg"
)

// Width is how many terminal cells s takes.
func Width(s string) int { return uniseg.StringWidth(s) }

// Cut shortens s to at most width cells, the last one an ellipsis if
// something was cut. A width of 0 or less means no limit.
func Cut(s string, width int) string {
	if width <= 0 || Width(s) <= width {
		return s
	}
	var b strings.Builder
	room := width - 1
	state := -1
	for s != "" {
		var cluster string
		var cells int
		cluster, s, cells, state = uniseg.FirstGraphemeClusterInString(s, state)
		if cells > room {
			break
		}
		b.WriteString(cluster)
		room -= cells
	}
	return b.String() + "…"
}

// Pad fills s with spaces to width cells.
func Pad(s string, width int) string {
	if n := width - Width(s); n > 0 {
		return s + strings.Repeat(" ", n)
	}
	return s
}

// Clean makes a line of a program's output safe to place in a row: escape
// sequences and control characters go, tabs become spaces.
func Clean(s string) string {
	if isClean(s) {
		return s
	}
	var b strings.Builder
	for s != "" {
		if n := escapeLen(s); n > 0 {
			s = s[n:]
			continue
		}
		r, n := utf8.DecodeRuneInString(s)
		s = s[n:]
		switch {
		case r == '\t':
			b.WriteString("    ")
		case !isControl(r):
			b.WriteRune(r) // what is no UTF-8 becomes U+FFFD
		}
	}
	return b.String()
}

// KeepColors is Clean, but lets colours (SGR sequences) and tabs through; they
// are reset at the end. For log lines on a terminal.
func KeepColors(s string) string {
	if isClean(s) {
		return s
	}
	var b strings.Builder
	colored := false
	for s != "" {
		if n := escapeLen(s); n > 0 {
			if seq := s[:n]; strings.HasPrefix(seq, "\x1b[") && seq[n-1] == 'm' {
				b.WriteString(seq)
				colored = true
			}
			s = s[n:]
			continue
		}
		r, n := utf8.DecodeRuneInString(s)
		s = s[n:]
		if r == '\t' || !isControl(r) {
			b.WriteRune(r)
		}
	}
	if colored {
		b.WriteString("\x1b[0m")
	}
	return b.String()
}

func isClean(s string) bool {
	return utf8.ValidString(s) && strings.IndexFunc(s, isControl) < 0
}

func isControl(r rune) bool {
	return r < 0x20 || r >= 0x7f && r < 0xa0
}

// escapeLen is the length of the escape sequence that s begins with (ECMA-48
// control sequences, control strings, and two- and three-byte escapes), or 0.
func escapeLen(s string) int {
	if len(s) < 2 || s[0] != 0x1b {
		return 0
	}
	switch s[1] {
	case '[':
		return controlSequenceLen(s)
	case ']', 'P', 'X', '^', '_':
		return controlStringLen(s)
	}
	n := 1
	for n < len(s) && s[n] >= 0x20 && s[n] <= 0x2f {
		n++
	}
	if n < len(s) && s[n] >= 0x30 && s[n] <= 0x7e {
		n++
	}
	return n
}

// controlSequenceLen ends a CSI at its final byte.
func controlSequenceLen(s string) int {
	for i := 2; i < len(s); i++ {
		if s[i] >= 0x40 && s[i] <= 0x7e {
			return i + 1
		}
		if s[i] < 0x20 || s[i] > 0x3f {
			return i
		}
	}
	return len(s)
}

// controlStringLen ends an OSC and its like at BEL or ST.
func controlStringLen(s string) int {
	for i := 2; i < len(s); i++ {
		if s[i] == 0x07 {
			return i + 1
		}
		if s[i] == 0x1b && i+1 < len(s) && s[i+1] == '\\' {
			return i + 2
		}
	}
	return len(s)
}
