// Package screen redraws a few lines at the bottom of a terminal in place. It
// only needs a terminal that can move its cursor up and clear to the end; what
// was printed above stays in the scrollback.
package screen

import (
	"bytes"
	"fmt"
	"io"

	"github.com/banyanrun/banyan/internal/cli/view"
)

// Screen is a region of lines that is drawn again and again. It is not safe
// for concurrent use.
type Screen struct {
	out   io.Writer
	drawn []string // without escape sequences, to know their widths
}

// New returns a Screen at the cursor, which is at the start of a line.
func New(out io.Writer) *Screen { return &Screen{out: out} }

// Draw replaces the region by lines, none of which is wider than the
// terminal, which is width cells wide now (0: unknown).
func (s *Screen) Draw(lines []string, width int) error {
	var b bytes.Buffer
	b.WriteString("\x1b[?2026h") // begin a synchronized update, where supported
	s.rewind(&b, width)
	s.drawn = s.drawn[:0]
	for _, l := range lines {
		b.WriteString(l)
		b.WriteByte('\n')
		s.drawn = append(s.drawn, view.Clean(l))
	}
	b.WriteString("\x1b[?2026l")
	_, err := s.out.Write(b.Bytes())
	return err
}

// Clear removes the region.
func (s *Screen) Clear(width int) error {
	var b bytes.Buffer
	s.rewind(&b, width)
	s.drawn = nil
	_, err := s.out.Write(b.Bytes())
	return err
}

// Keep leaves the region as it is and begins a new, empty one below it.
func (s *Screen) Keep() { s.drawn = nil }

// rewind moves to the region's first line and clears from there. A terminal
// that became narrower has wrapped lines, which then take several rows.
func (s *Screen) rewind(b *bytes.Buffer, width int) {
	rows := 0
	for _, l := range s.drawn {
		rows++
		if w := view.Width(l); width > 0 && w > width {
			rows += (w - 1) / width
		}
	}
	if rows > 0 {
		fmt.Fprintf(b, "\x1b[%dA", rows)
	}
	b.WriteString("\r\x1b[J")
}
