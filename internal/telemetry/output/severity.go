package output

import (
	"strings"

	"github.com/banyanrun/banyan/internal/telemetry/signal"
)

const (
	// maxWords is how far from its start a line is searched for its level.
	maxWords = 6
	maxHead  = 256
)

// severityOf is the level that a plain line begins with, after its time; 0: none.
func severityOf(line string) signal.Severity {
	head := line[:min(len(line), maxHead)]
	for _, key := range []string{"level=", "lvl=", "severity="} {
		if i := strings.Index(head, key); i == 0 || i > 0 && (head[i-1] == ' ' || head[i-1] == '[') {
			word, _, _ := strings.Cut(head[i+len(key):], " ")
			if s, ok := signal.ParseSeverity(strings.Trim(word, `"',;]`)); ok {
				return s
			}
		}
	}
	for range maxWords {
		var word string
		word, head, _ = strings.Cut(strings.TrimLeft(head, " \t"), " ")
		if word == "" {
			return 0
		}
		s, more := wordSeverity(word)
		if s != 0 || !more {
			return s
		}
	}
	return 0
}

// wordSeverity is the level that a word is; more says that the next word may be it.
func wordSeverity(word string) (s signal.Severity, more bool) {
	if isKlog(word) {
		return klog[word[0]], false
	}
	// INFO[0000], ERROR:root:what, [ERROR], <error>, warn:
	end := strings.IndexFunc(word[1:], func(r rune) bool { return strings.ContainsRune(":[]()<>|", r) })
	name, marked := word, false
	if end >= 0 {
		name, marked = word[:end+1], true
	}
	if bracket := strings.TrimLeft(name, "[(<|"); bracket != name {
		name, marked = bracket, true
	}
	if (marked || name == strings.ToUpper(name)) && isLevel(name) {
		if s, ok := signal.ParseSeverity(name); ok {
			return s, false
		}
	}
	// Times, and what stands in brackets, come before the level.
	c := word[0]
	return 0, c >= '0' && c <= '9' || strings.ContainsRune("[(<|+-", rune(c)) || strings.HasSuffix(word, "]") || word == "UTC" || word == "AM" || word == "PM"
}

// isLevel reports whether a word at the start of a line is a level: as a field's value
// more of them would be (http, config).
func isLevel(word string) bool {
	switch strings.ToLower(word) {
	case "trace", "debug", "info", "notice", "warn", "warning", "error", "err", "severe", "fatal", "critical", "crit", "panic",
		"trc", "dbg", "inf", "wrn", "ftl", "debu", "erro", "fata", "pani":
		return true
	}
	return word == "LOG" || word == "FINE" || word == "FINER" || word == "FINEST" || word == "CONFIG"
}

// klog are the levels of Kubernetes' logger, which begins lines so: E0102 15:04:05.
var klog = map[byte]signal.Severity{'I': signal.SeverityInfo, 'W': signal.SeverityWarn, 'E': signal.SeverityError, 'F': signal.SeverityFatal}

func isKlog(word string) bool {
	return len(word) == 5 && klog[word[0]] != 0 && strings.Trim(word[1:], "0123456789") == ""
}

// tracesIn finds the trace that a plain line names: trace_id=… span_id=…
func tracesIn(line string) (signal.TraceID, signal.SpanID) {
	id, _ := signal.ParseTraceID(named(line, "trace", 32))
	if id.IsZero() {
		return id, signal.SpanID{}
	}
	sp, _ := signal.ParseSpanID(named(line, "span", 16))
	return id, sp
}

// named finds the hex digits after a name that ends in id: traceId: "4bf9…", trace_id=4bf9…
func named(line, name string, digits int) string {
	for {
		i := strings.Index(line, name)
		if i < 0 {
			return ""
		}
		line = line[i+len(name):]
		rest := strings.TrimLeft(line, "_.")
		if len(rest) < 2 || !strings.EqualFold(rest[:2], "id") {
			continue
		}
		rest = strings.TrimLeft(rest[2:], `"' :=`)
		n := 0
		for n < len(rest) && isHex(rest[n]) {
			n++
		}
		if n == digits {
			return rest[:n]
		}
	}
}

func isHex(c byte) bool { return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F' }
