package block

import (
	"strconv"
	"strings"
	"testing"

	"github.com/banyanrun/banyan/internal/telemetry/signal"
)

// What services choose freely counts: names of attributes, and scopes.
func TestBytesOfNames(t *testing.T) {
	r := &signal.Resource{Service: "order"}
	long := strings.Repeat("x", 1000)
	for what, log := range map[string]func(string) signal.Log{
		"columns": func(name string) signal.Log {
			return signal.Log{Resource: r, Attrs: signal.Attrs{{Key: name, Value: signal.Text("y")}}}
		},
		"scopes": func(name string) signal.Log { return signal.Log{Resource: r, Scope: signal.Scope{Name: name}} },
	} {
		b := NewBuilder(Logs)
		for i := range 100 {
			l := log(strconv.Itoa(i) + long)
			b.AddLog(&l)
		}
		if n := b.Bytes(); n < 100_000 {
			t.Errorf("100 %s of 1,000 bytes: %d bytes", what, n)
		}
	}
}
