package h2

import (
	"testing"

	"github.com/banyanrun/banyan/internal/proxy/h2/h2spec"
)

// TestH2spec runs the conformance suite h2spec against the echo server.
func TestH2spec(t *testing.T) {
	h2spec.Run(t, "../../../tools/h2spec/go.mod", serveEcho(t, Config{MaxStreams: 100}))
}
