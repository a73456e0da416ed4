package output

import (
	"strings"

	"github.com/banyanrun/banyan/internal/telemetry/signal"
)

// kind is what the lines of a group are so far, and so what can follow.
type kind uint8

const (
	plain      kind = iota // a line; what is indented more than it belongs to it
	indented               // a line that is indented itself: nothing belongs to it
	frames                 // a stack trace whose frames are indented: Java, Node, .NET
	source                 // Node's, from the line of source that threw to its version
	goroutines             // Go's panic or dump
	traceback              // Python's, within its frames
	raised                 // Python's, after the exception; another may follow
	ended                  // nothing belongs to it any more
)

// isFailure reports whether lines of the kind say that something failed.
func (k kind) isFailure() bool { return k >= frames }

// kindOf is the kind of a group that begins with a line.
func kindOf(line string) kind {
	switch {
	case isGoPanic(line) || isGoroutine(line):
		return goroutines
	case strings.HasPrefix(line, pythonTrace):
		return traceback
	case isIndented(line) || line == "":
		return indented
	}
	return plain
}

const (
	pythonTrace  = "Traceback (most recent call last):"
	pythonDuring = "During handling of the above exception, another exception occurred:"
	pythonCause  = "The above exception was the direct cause of the following exception:"
)

// follow returns what a group is with another line; false: the line is not of it.
func (k kind) follow(g *group, line string) (kind, bool) {
	switch k {
	case goroutines:
		return goroutines, isOfGoroutines(line)
	case traceback:
		if isIndented(line) {
			return traceback, true
		}
		return raised, line != ""
	case raised:
		if strings.HasPrefix(line, pythonTrace) {
			return traceback, true
		}
		return raised, line == "" && g.lines[len(g.lines)-1] != "" || line == pythonDuring || line == pythonCause
	case source:
		if strings.HasPrefix(line, "Node.js v") {
			return ended, true
		}
		return source, line == "" || isIndented(line) || isErrorName(line) || isCloser(line) || strings.HasPrefix(line, "Thrown at:")
	case frames:
		return frames, isIndented(line) || isCloser(line) || strings.HasPrefix(line, "Caused by: ") || isPHPFrame(line)
	case indented, ended:
		return k, false
	case plain:
	}
	return followPlain(g, line)
}

func followPlain(g *group, line string) (kind, bool) {
	first := len(g.lines) == 1
	switch {
	case isFrame(line):
		return frames, true
	case isCaret(line):
		return source, true
	case isIndented(line), !first && isCloser(line):
		return plain, true
	case isPHPFrame(line), line == "Stack trace:":
		return frames, true
	case first && isGoroutine(line): // as net/http reports a panic
		return goroutines, true
	case first && severityOf(g.lines[0]) >= signal.SeverityWarn: // a logger that adds the exception
		switch {
		case strings.HasPrefix(line, pythonTrace):
			return traceback, true
		case isJavaException(line):
			return frames, true
		}
	}
	return plain, false
}
