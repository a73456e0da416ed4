package signal

import "strings"

// severities are names that loggers use, in lower case.
var severities = map[string]Severity{
	"trace": SeverityTrace, "trc": SeverityTrace, "verbose": SeverityTrace, "silly": SeverityTrace, "finest": SeverityTrace, "finer": SeverityTrace,
	"debug": SeverityDebug, "dbg": SeverityDebug, "debu": SeverityDebug, "fine": SeverityDebug,
	"info": SeverityInfo, "inf": SeverityInfo, "information": SeverityInfo, "informational": SeverityInfo, "log": SeverityInfo, "http": SeverityInfo,
	"config": SeverityInfo, "default": SeverityInfo,
	"notice": SeverityInfo + 1, "success": SeverityInfo + 1,
	"warn": SeverityWarn, "warning": SeverityWarn, "wrn": SeverityWarn,
	"error": SeverityError, "err": SeverityError, "erro": SeverityError, "eror": SeverityError, "severe": SeverityError, "failure": SeverityError,
	"dpanic": SeverityError + 1,
	"fatal":  SeverityFatal, "ftl": SeverityFatal, "fata": SeverityFatal, "fatl": SeverityFatal, "critical": SeverityFatal, "crit": SeverityFatal,
	"panic": SeverityFatal, "pani": SeverityFatal, "emergency": SeverityFatal, "emerg": SeverityFatal, "alert": SeverityFatal,
}

// longestSeverity is that of severities, and a number of slog's after it.
const longestSeverity = 17

// ParseSeverity reads the name that a logger gives a level, in either case: also
// slog's (WARN+2) and OpenTelemetry's short ones (ERROR3). False: it is none.
func ParseSeverity(s string) (Severity, bool) {
	if s == "" || len(s) > longestSeverity {
		return 0, false
	}
	s = strings.ToLower(s)
	if v, ok := severities[s]; ok {
		return v, true
	}
	name := strings.TrimRight(s, "0123456789")
	digits := s[len(name):]
	if v, ok := severities[name]; ok && len(digits) == 1 && digits[0] >= '2' && digits[0] <= '4' {
		return v + Severity(digits[0]-'1'), true
	}
	if i := strings.IndexAny(s, "+-"); i > 0 {
		if v, ok := severities[s[:i]]; ok && isDigits(s[i+1:]) {
			return offset(v, s[i], s[i+1:]), true
		}
	}
	return 0, false
}

// offset counts on from a level of slog, whose levels are four apart as ours are.
func offset(v Severity, sign byte, digits string) Severity {
	n := 0
	for _, c := range []byte(digits) {
		n = min(10*n+int(c-'0'), 100)
	}
	if sign == '-' {
		n = -n
	}
	return Severity(min(max(int(v)+n, 1), 24))
}

func isDigits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}
