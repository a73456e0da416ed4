package appfile

import (
	"fmt"
	"strings"
	"testing"
)

// BenchmarkParse reads an app of 300 services.
func BenchmarkParse(b *testing.B) {
	var text strings.Builder
	text.WriteString("services:\n")
	for i := range 300 {
		fmt.Fprintf(&text, "  s%d:\n    command: ./s --port ${port} --n %d\n    environment: {A: b, C: d}\n    replicas: 2\n    readiness: {http: /healthz}\n", i, i)
		if i > 0 {
			fmt.Fprintf(&text, "    calls: [s%d]\n", i-1)
		}
	}
	data := []byte(text.String())
	for b.Loop() {
		if _, err := Parse("banyan.yaml", data, Options{}); err != nil {
			b.Fatal(err)
		}
	}
}
