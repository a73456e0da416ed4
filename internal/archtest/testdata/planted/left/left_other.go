//go:build plan9

package left

// Planted: an engine imports another, on an operating system of its own.
import _ "example.com/planted/right"
