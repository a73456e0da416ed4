package screen_test

import (
	"bytes"
	"strconv"
	"strings"
	"testing"

	"github.com/banyanrun/banyan/internal/cli/screen"
)

func TestDraw(t *testing.T) {
	tty := &terminal{}
	s := screen.New(tty)
	check(t, s.Draw([]string{"a", "b", "\x1b[32mc\x1b[0m"}, 20))
	check(t, s.Draw([]string{"a2", "b2"}, 20))
	tty.expect(t, "a2", "b2")
	check(t, s.Clear(20))
	tty.expect(t)
	check(t, s.Draw([]string{"x"}, 20))
	s.Keep()
	check(t, s.Draw([]string{"y"}, 20))
	tty.expect(t, "x", "y")
}

// TestNarrower is a terminal that was made narrower since the last draw: it has
// wrapped the lines itself.
func TestNarrower(t *testing.T) {
	tty := &terminal{lines: []string{"before"}}
	s := screen.New(tty)
	check(t, s.Draw([]string{strings.Repeat("w", 25), "short"}, 40))
	tty.lines = []string{"before", strings.Repeat("w", 10), strings.Repeat("w", 10), strings.Repeat("w", 5), "short"}
	check(t, s.Draw([]string{"new"}, 10))
	tty.expect(t, "before", "new")
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// terminal understands what Screen sends: lines, cursor up, clear to the end.
// Its cursor is always at the start of the line below the last.
type terminal struct{ lines []string }

func (t *terminal) Write(p []byte) (int, error) {
	for _, l := range bytes.SplitAfter(p, []byte("\n")) {
		text := string(l)
		if up, rest, ok := strings.Cut(text, "A\r\x1b[J"); ok {
			n, _ := strconv.Atoi(up[strings.LastIndexByte(up, '[')+1:])
			t.lines = t.lines[:len(t.lines)-n]
			text = rest
		}
		for _, seq := range []string{"\x1b[?2026h", "\x1b[?2026l", "\r\x1b[J", "\x1b[32m", "\x1b[0m"} {
			text = strings.ReplaceAll(text, seq, "")
		}
		if line, whole := strings.CutSuffix(text, "\n"); whole {
			t.lines = append(t.lines, line)
		}
	}
	return len(p), nil
}

func (t *terminal) expect(tb testing.TB, want ...string) {
	tb.Helper()
	if strings.Join(t.lines, "\n") != strings.Join(want, "\n") {
		tb.Errorf("the terminal shows %q, want %q", t.lines, want)
	}
}
