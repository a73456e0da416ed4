package signal

import "testing"

func TestParseSeverity(t *testing.T) {
	for in, want := range map[string]Severity{
		"INFO": SeverityInfo, "warning": SeverityWarn, "Err": SeverityError, "critical": SeverityFatal, "notice": SeverityInfo + 1,
		"WARN+2": SeverityWarn + 2, "ERROR+99": 24, "DEBUG-99": 1, "INFO-4": SeverityDebug, "ERROR3": SeverityError + 2, "trace2": SeverityTrace + 1,
	} {
		if got, ok := ParseSeverity(in); !ok || got != want {
			t.Errorf("%s is %d, %v; want %d", in, got, ok, want)
		}
	}
	for _, in := range []string{"", "loud", "error5", "error1", "info+", "+4", "info+x", "informational+99999999"} {
		if got, ok := ParseSeverity(in); ok {
			t.Errorf("%q is taken for %d", in, got)
		}
	}
}
