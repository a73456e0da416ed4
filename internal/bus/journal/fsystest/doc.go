// Package fsystest is a file system in memory that can lose power, be killed,
// be full, and lie. It is harder on its user than real ones: what was not synced
// is lost, kept, or torn into sectors, in any order, and so are names.
package fsystest
