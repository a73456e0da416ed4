package view

import (
	"hash/fnv"
	"strings"
)

// Style is a colour or weight: the parameters of an SGR sequence.
type Style string

// The styles, from the sixteen colours that every terminal theme defines.
const (
	Plain  Style = ""
	Bold   Style = "1"
	Dim    Style = "2"
	Red    Style = "31"
	Green  Style = "32"
	Yellow Style = "33"
	Blue   Style = "34"
)

// palette colours services. No red: it means failure.
var palette = []Style{"36", "33", "32", "35", "34", "96", "93", "92", "95", "94"}

// ServiceStyle is the colour of a service's prefix, the same in every run.
func ServiceStyle(name string) Style {
	h := fnv.New32a()
	_, _ = h.Write([]byte(name)) // never fails
	return palette[h.Sum32()%uint32(len(palette))]
}

// Paint applies the style, if color.
func (s Style) Paint(text string, color bool) string {
	if !color || s == Plain || text == "" {
		return text
	}
	return "\x1b[" + string(s) + "m" + text + "\x1b[0m"
}

// span is text of one style; a line is spans that are cut together.
type span struct {
	text  string
	style Style
}

type line []span

func (l line) render(width int, color bool) string {
	total := 0
	for _, s := range l {
		total += Width(s.text)
	}
	cut := width > 0 && total > width
	var b strings.Builder
	room := width
	for _, s := range l {
		text := s.text
		w := Width(text)
		if cut && w >= room {
			// What follows is cut too, so this span shows the ellipsis.
			b.WriteString(s.style.Paint(Cut(text+" ", room), color))
			return b.String()
		}
		room -= w
		b.WriteString(s.style.Paint(text, color))
	}
	return strings.TrimRight(b.String(), " ")
}
