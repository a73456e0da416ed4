package output

import "strings"

// isIndented reports whether a line has anything, but not at its start.
func isIndented(line string) bool {
	return line != "" && (line[0] == ' ' || line[0] == '\t') && strings.TrimLeft(line, " \t") != ""
}

// isFrame reports whether a line is a frame of Java, Node or .NET.
func isFrame(line string) bool {
	return isIndented(line) && strings.HasPrefix(strings.TrimLeft(line, " \t"), "at ")
}

// isCaret reports whether a line points into the line above.
func isCaret(line string) bool {
	return isIndented(line) && strings.Trim(line, " \t^") == ""
}

// isCloser reports whether a line ends an object that lines above began.
func isCloser(line string) bool {
	switch line {
	case "}", "]", ")", "})", "},", "];", "};":
		return true
	}
	return false
}

// isPHPFrame reports whether a line is a frame of PHP: #0 /index.php(3): f()
func isPHPFrame(line string) bool {
	rest, ok := strings.CutPrefix(line, "#")
	if !ok {
		return false
	}
	after := strings.TrimLeft(rest, "0123456789")
	return len(after) < len(rest) && strings.HasPrefix(after, " ")
}

// isErrorName reports whether a line begins with the name of an error: TypeError: x
func isErrorName(line string) bool {
	line = strings.TrimPrefix(line, "Uncaught ")
	name, _, _ := strings.Cut(line, ":")
	name, _, _ = strings.Cut(name, " ") // Error [ERR_X]: x
	return strings.HasSuffix(name, "Error") || strings.HasSuffix(name, "Exception")
}

// isJavaException reports whether a line begins with the name of one, with its package.
func isJavaException(line string) bool {
	name, _, _ := strings.Cut(line, ":")
	if !strings.Contains(name, ".") || strings.ContainsAny(name, " \t/=") {
		return false
	}
	return strings.HasSuffix(name, "Error") || strings.HasSuffix(name, "Exception") || strings.HasSuffix(name, "Throwable")
}

func isGoPanic(line string) bool {
	return strings.HasPrefix(line, "panic: ") || strings.HasPrefix(line, "fatal error: ") ||
		line == "SIGQUIT: quit" || strings.HasPrefix(line, "unexpected fault address ")
}

// isGoroutine reports whether a line begins a goroutine's stack: goroutine 1 [running]:
func isGoroutine(line string) bool {
	rest, ok := strings.CutPrefix(line, "goroutine ")
	if !ok {
		return false
	}
	after := strings.TrimLeft(rest, "0123456789")
	return len(after) < len(rest) && strings.HasPrefix(after, " ") && strings.Contains(after, "[") && strings.HasSuffix(line, ":")
}

// isOfGoroutines reports whether a line can be within a dump of goroutines.
func isOfGoroutines(line string) bool {
	switch {
	case line == "", isIndented(line), isGoroutine(line), isGoPanic(line):
		return true
	case strings.HasPrefix(line, "created by "), strings.HasPrefix(line, "[signal "), strings.HasPrefix(line, "runtime stack:"),
		strings.HasPrefix(line, "...additional frames elided..."), strings.HasPrefix(line, "PC=0x"), strings.HasPrefix(line, "exit status "):
		return true
	}
	return isGoCall(line) || isRegister(line)
}

// isGoCall reports whether a line is a function with its arguments: main.f(0x1, {0x2, 0x3})
func isGoCall(line string) bool {
	if !strings.HasSuffix(line, ")") {
		return false
	}
	name, _, ok := strings.Cut(line, "(")
	return ok && strings.Contains(line, ".") && name != "" && !strings.ContainsAny(name, " \t:=,\"'") || strings.HasPrefix(line, "panic(")
}

// isRegister reports whether a line shows a register: rax    0x0
func isRegister(line string) bool {
	name, rest, ok := strings.Cut(line, " ")
	return ok && len(name) <= len("rflags") && strings.HasPrefix(strings.TrimLeft(rest, " "), "0x")
}
