package output

import (
	"strconv"
	"strings"

	"github.com/banyanrun/banyan/internal/telemetry/signal"
)

// fieldsOfLogfmt reads a line of key=value pairs, as slog and logrus write it; false:
// it is none, or could be something else that has an equals sign in it.
func fieldsOfLogfmt(text string) ([]field, bool) {
	if i := strings.IndexByte(text, '='); i <= 0 || !isKey(text[:i]) {
		return nil, false
	}
	var fields []field
	known := 0
	for text != "" {
		key, rest, ok := strings.Cut(text, "=")
		if !ok || !isKey(key) || len(fields) == maxFields {
			return nil, false
		}
		var v signal.Value
		if v, rest, ok = logfmtValue(rest); !ok {
			return nil, false
		}
		if r := roles[strings.ToLower(key)]; r == message || r == level || r == when {
			known++
		}
		fields = append(fields, field{key, v})
		text = strings.TrimLeft(rest, " ")
	}
	return fields, known >= 2
}

// logfmtValue reads a value, quoted or not, and returns what is behind it.
func logfmtValue(s string) (signal.Value, string, bool) {
	if !strings.HasPrefix(s, `"`) {
		i := strings.IndexByte(s, ' ')
		if i < 0 {
			i = len(s)
		}
		return bare(s[:i]), s[i:], !strings.Contains(s[:i], `"`)
	}
	quoted, err := strconv.QuotedPrefix(s)
	if err != nil {
		return signal.Value{}, "", false
	}
	v, err := strconv.Unquote(quoted)
	rest := s[len(quoted):]
	return signal.Text(strings.ToValidUTF8(v, "\uFFFD")), rest, err == nil && (rest == "" || rest[0] == ' ')
}

func bare(s string) signal.Value {
	switch s {
	case "true", "false":
		return signal.Truth(s == "true")
	case "":
		return signal.Text("")
	}
	if c := s[0]; c == '-' || c >= '0' && c <= '9' {
		return numberOf(s)
	}
	return signal.Text(s)
}

// isKey reports whether s can be a key: not a word of a sentence, or of a URL.
func isKey(s string) bool {
	if s == "" || len(s) > 100 {
		return false
	}
	for i, c := range []byte(s) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c == '_', c == '@':
		case i > 0 && (c >= '0' && c <= '9' || c == '.' || c == '-' || c == '/'):
		default:
			return false
		}
	}
	return true
}
