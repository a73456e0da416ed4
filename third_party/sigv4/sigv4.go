// Package sigv4 stands for github.com/prometheus/sigv4, which signs requests to
// Amazon's services. Prometheus' configuration has a field of its type; nothing
// here reads one.
package sigv4

// SigV4Config is empty: no configuration is read.
type SigV4Config struct{}

// Validate finds nothing wrong.
func (*SigV4Config) Validate() error { return nil }
