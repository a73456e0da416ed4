package cli

import (
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/term"
)

// console is the world that a command sees, so that tests can be one.
type console struct {
	in       io.Reader
	out, err io.Writer
	environ  []string
	dir      string
	// size is that of the terminal that out is; ok is false where it is none
	// that lines can be redrawn on.
	size func() (width, height int, ok bool)
	// password reads a line without echo; nil where in is no terminal.
	password func() ([]byte, error)
	// signals begins to deliver interrupts, terminations and hang-ups.
	signals func() (<-chan os.Signal, func())
	now     func() time.Time
}

func osConsole() *console {
	dir, _ := os.Getwd() // empty: relative paths fail where they are used
	c := &console{
		in: os.Stdin, out: os.Stdout, err: os.Stderr,
		environ: os.Environ(), dir: dir,
		signals: osSignals, now: time.Now,
	}
	c.size = c.terminalSize
	if term.IsTerminal(int(os.Stdin.Fd())) {
		c.password = func() ([]byte, error) { return term.ReadPassword(int(os.Stdin.Fd())) }
	}
	return c
}

func osSignals() (<-chan os.Signal, func()) {
	ch := make(chan os.Signal, 4)
	signal.Notify(ch, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	return ch, func() { signal.Stop(ch) }
}

// lookup is os.LookupEnv of this console. The last of doubles wins, as in exec.
func (c *console) lookup(name string) (string, bool) {
	for _, kv := range slices.Backward(c.environ) {
		if key, value, ok := strings.Cut(kv, "="); ok && key == name {
			return value, true
		}
	}
	return "", false
}

func (c *console) getenv(name string) string {
	value, _ := c.lookup(name)
	return value
}

// terminalSize reports no terminal where lines cannot or should not be redrawn.
func (c *console) terminalSize() (width, height int, ok bool) {
	if ci := c.getenv("CI"); c.getenv("TERM") == "dumb" || ci != "" && ci != "false" && ci != "0" {
		return 0, 0, false
	}
	fd := int(os.Stdout.Fd())
	if !term.IsTerminal(fd) {
		return 0, 0, false
	}
	width, height, err := term.GetSize(fd)
	return width, height, err == nil && width > 0 && height > 0
}

// isTerminal reports whether out is a terminal that lines are redrawn on.
func (c *console) isTerminal() bool {
	_, _, ok := c.size()
	return ok
}

// width is the terminal's, or 0 for no limit.
func (c *console) width() int {
	w, _, _ := c.size()
	return w
}
